"""Conditions on item attributes, evaluated with NumPy for all items at once."""

from collections.abc import Mapping

import numpy as np

from ..conditions import (
    EXAMPLE,
    SIGNS,
    Column,
    ColumnType,
    Comparison,
    ConditionError,
    Membership,
    Value,
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
    try:
        condition = parse(text)
        check(condition, {name: _type(each) for name, each in attributes.items()})
    except ConditionError as error:
        raise RequestError(f"filter {text[:200]!r}: {error}; {EXAMPLE}") from error

    def compare(part: Comparison) -> np.ndarray:
        attribute = attributes[part.column.name]
        if isinstance(part.other, Column):
            return _compared_rows(attribute, part.sign, attributes[part.other.name])
        return _compared(attribute, part.sign, part.other)

    def among(part: Membership) -> np.ndarray:
        attribute = attributes[part.column.name]
        equal = [_compared(attribute, "==", value) for value in part.values]
        found = attribute.any_of(np.logical_or.reduce(equal))
        return attribute.any_of(_known(attribute)) & ~found if part.negated else found

    return mask(condition, compare, among)


def _type(attribute: Attribute) -> ColumnType:
    value = "number" if attribute.words is None else "string"
    return ColumnType(value, attribute.offsets is not None)  # type: ignore[arg-type]


def _compared(attribute: Attribute, sign: str, value: Value) -> np.ndarray:
    """bool [values]: whether the comparison holds for each value; for a missing one it does not."""
    compare = SIGNS[sign]
    if attribute.words is None:
        return np.asarray(compare(attribute.values, value)) & ~np.isnan(attribute.values)
    # Once per distinct string, with one more at the end for a missing value (-1).
    holds = np.array([compare(word, value) for word in attribute.words] + [False])
    return holds[attribute.values]


def _compared_rows(one: Attribute, sign: str, other: Attribute) -> np.ndarray:
    """bool [items]: whether the comparison of two attributes with one value per item holds."""
    known = _known(one) & _known(other)
    holds = np.zeros(len(known), bool)
    holds[known] = SIGNS[sign](_values(one)[known], _values(other)[known])
    return holds


def _values(attribute: Attribute) -> np.ndarray:
    if attribute.words is None:
        return attribute.values
    return np.array([*attribute.words, None], dtype=object)[attribute.values]


def _known(attribute: Attribute) -> np.ndarray:
    return ~np.isnan(attribute.values) if attribute.words is None else attribute.values >= 0
