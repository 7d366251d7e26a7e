"""Conditions on item attributes, evaluated with NumPy for all items at once."""

from collections.abc import Iterable, Mapping

import numpy as np

from ..condition_values import SIGNS, Value, as_float, microseconds, with_integers
from ..conditions import (
    EXAMPLE,
    Column,
    Comparison,
    Condition,
    ConditionError,
    Membership,
    check,
    mask,
    parse,
)
from ..errors import RequestError
from .item_attributes import Attribute


def matching(text: str, attributes: Mapping[str, Attribute]) -> np.ndarray:
    """bool [items]: whether each item satisfies the condition (``runtime.conditions``).

    Raises:
        RequestError: it is not a condition, names an unknown attribute or compares different types.
    """
    return holds(condition_on(text, attributes, "filter"), attributes)


def condition_on(text: str, attributes: Mapping[str, Attribute], key: str) -> Condition:
    """The condition, checked against the attributes; errors as for ``matching`` name the ``key``."""
    try:
        condition = parse(text)
        check(condition, {name: each.type for name, each in attributes.items()})
    except ConditionError as error:
        raise RequestError(f"{key} {text[:200]!r}: {error}; {EXAMPLE}") from error
    return condition


def holds(condition: Condition, attributes: Mapping[str, Attribute]) -> np.ndarray:
    """bool [items]: whether each item of the attributes satisfies a condition that was checked."""

    def compare(part: Comparison) -> np.ndarray:
        attribute = attributes[part.column.name]
        if isinstance(part.other, Column):
            return _compared_rows(attribute, part.sign, attributes[part.other.name])
        return attribute.where_known(_compared(attribute, part.sign, part.other))

    def among(part: Membership) -> np.ndarray:
        attribute = attributes[part.column.name]
        equal = attribute.where_known(_equal_one(attribute, part.values))
        found = attribute.any_of(equal)
        if not part.negated:
            return found
        known = attribute.where_known(np.ones(len(attribute.values), bool))
        return attribute.any_of(known) & ~found

    return mask(condition, compare, among)


def _compared(attribute: Attribute, sign: str, value: Value) -> np.ndarray:
    """bool [values]: whether the comparison holds for each value that is known."""
    values = attribute.values
    compared = _as_stored(attribute, sign, value)
    if isinstance(compared, bool):
        return np.full(len(values), compared)
    return np.asarray(SIGNS[compared[0]](values, compared[1]))


def _equal_one(attribute: Attribute, values: Iterable[Value]) -> np.ndarray:
    """bool [values]: whether each value that is known is among those given."""
    each = [_as_stored(attribute, "==", value) for value in values]
    # An outcome is false here: the column has no such value.
    wanted = np.array([one[1] for one in each if not isinstance(one, bool)], attribute.values.dtype)
    return np.isin(attribute.values, wanted)


def _as_stored(attribute: Attribute, sign: str, value: Value) -> tuple[str, np.generic] | bool:
    """A comparison with a value, as one with a stored value; or its outcome, if always the same."""
    stored = attribute.values.dtype.type
    match attribute.kind:
        case "string":
            assert attribute.words is not None
            place, there = attribute.words.place(str(value))
            if sign in ("==", "!="):
                return (sign, stored(place)) if there else sign == "!="
            # Of codes, those below `place` are of smaller strings.
            return "<" if sign in ("<", "<=") else ">=", stored(
                place + (there and sign in ("<=", ">"))
            )
        case "time":
            return sign, stored(microseconds(value))
        case "boolean":
            return sign, stored(value)
        case "number" if attribute.values.dtype.kind == "f":
            with np.errstate(over="ignore"):
                return sign, stored(as_float(value))
        case _:
            limits = np.iinfo(stored)
            compared = with_integers(sign, value, int(limits.min), int(limits.max))
            return compared if isinstance(compared, bool) else (compared[0], stored(compared[1]))


def _compared_rows(one: Attribute, sign: str, other: Attribute) -> np.ndarray:
    """bool [items]: whether the comparison of two attributes with one value per item holds."""
    left, right = one.values, other.values
    unsigned = [each.dtype == np.uint64 for each in (left, right)]
    if unsigned[0] != unsigned[1] and left.dtype.kind in "iu" and right.dtype.kind in "iu":
        # NumPy would compare them as floats.
        signs = _order(left, right) if unsigned[1] else -_order(right, left)
        found = SIGNS[sign](signs, 0)
    else:
        found = SIGNS[sign](left, right)
    return one.where_known(other.where_known(np.asarray(found)))


def _order(signed: np.ndarray, unsigned: np.ndarray) -> np.ndarray:
    """int8: -1, 0 or 1 where an integer is smaller than, equal to or larger than an unsigned one."""
    positive = signed.astype(np.uint64)
    order = (positive > unsigned).astype(np.int8) - (positive < unsigned).astype(np.int8)
    return np.where(signed < 0, np.int8(-1), order)
