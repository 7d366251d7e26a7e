"""A recipe's conditions on interactions (``runtime.conditions``) as Polars expressions."""

import operator
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import polars as pl

from features.value_types import of_one_value
from runtime.conditions import (
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
from stages.errors import ShortlistError


def selected(key: str, text: str, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return a boolean expression: whether a row of a table with this ``schema`` meets the condition.

    Args:
        key: the recipe key that holds the text.

    Raises:
        ShortlistError: the text is not a condition, names an unknown column or compares incompatible
            types.
    """
    try:
        condition = parse(text)
        check(condition, {name: _type(dtype) for name, dtype in schema.items()})
    except ConditionError as error:
        raise ShortlistError(
            f"expected {key} to be a condition on the interactions, such as `rating >= 4`, "
            f"got `{text}`: {error}."
        ) from error

    def compare(part: Comparison) -> pl.Expr:
        dtype = schema[part.column.name]
        other = part.other
        right = _column(other, schema) if isinstance(other, Column) else _literal(other, dtype)
        return SIGNS[part.sign](_column(part.column, schema), right).fill_null(False)

    def among(part: Membership) -> pl.Expr:
        dtype = schema[part.column.name]
        values = [_literal(value, of_one_value(dtype)) for value in part.values]
        if isinstance(dtype, pl.List):
            element = pl.element()
            known = pl.col(part.column.name).list.eval(element.is_not_null()).list.any()
            found = pl.col(part.column.name).list.eval(_equals_one(element, values)).list.any()
        else:
            column = _column(part.column, schema)
            known, found = column.is_not_null(), _equals_one(column, values)
        known, found = known.fill_null(False), found.fill_null(False)
        return known & ~found if part.negated else found

    return mask(condition, compare, among)


def _type(dtype: pl.DataType) -> ColumnType:
    value = of_one_value(dtype)
    several = isinstance(dtype, pl.List)
    if value.is_temporal():
        return ColumnType("time", several)
    is_number = value.is_numeric() or value == pl.Boolean
    return ColumnType("number" if is_number else "string", several)


def _column(column: Column, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    expression = pl.col(column.name)
    return expression.fill_nan(None) if schema[column.name].is_float() else expression


def _literal(value: Value, dtype: Any) -> pl.Expr:
    """Return the value as a literal of the type of the column it is compared with."""
    if not dtype.is_temporal():
        return pl.lit(value)
    moment = datetime.fromisoformat(str(value))
    return pl.lit(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC), dtype)


def _equals_one(column: pl.Expr, values: list[pl.Expr]) -> pl.Expr:
    return reduce(operator.or_, [column == value for value in values])
