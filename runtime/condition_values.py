"""Values in conditions (``conditions``), as columns of each type compare with them."""

import math
import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Value = bool | int | float | str
#: The operator of each sign, for arrays and for expressions.
SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def with_integers(sign: str, value: Value, least: int, most: int) -> tuple[str, int] | bool:
    """A comparison of integers from ``least`` to ``most`` with a number, exactly.

    Returns a sign and an integer within these bounds that mean the same, or the outcome if it is the same
    for all of them.
    """
    assert isinstance(value, int | float)  # checked
    if isinstance(value, float) and not value.is_integer():
        if math.isinf(value) or sign in ("==", "!="):
            return bool(SIGNS[sign](0, value))
        sign, value = "<=" if sign in ("<", "<=") else ">", math.floor(value)
    number = int(value)
    if number < least:
        return bool(SIGNS[sign](1, 0))
    return bool(SIGNS[sign](0, 1)) if number > most else (sign, number)


def as_float(value: Value) -> float:
    """A number as the nearest float; infinite beyond the largest."""
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, int(value))


def microseconds(value: Value) -> int:
    """The time that a string names, in microseconds since 1970 (UTC).

    Raises:
        ValueError: it is not an ISO 8601 time.
    """
    if not isinstance(value, str):
        raise ValueError(value)
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
