"""A recipe's conditions on interactions (``runtime.conditions``) as Polars expressions."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from features.value_types import of_one_value
from runtime.condition_values import SIGNS, Value, as_float, microseconds, with_integers
from runtime.conditions import (
    Column,
    ColumnType,
    Comparison,
    ConditionError,
    Membership,
    check,
    mask,
    parse,
)
from stages.columns import exactly
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
        check(condition, {name: column_type(dtype) for name, dtype in schema.items()})
    except ConditionError as error:
        raise ShortlistError(
            f"expected {key} to be a condition on the interactions, such as `rating >= 4`, "
            f"got `{text}`: {error}."
        ) from error

    def compare(part: Comparison) -> pl.Expr:
        if isinstance(part.other, Column):
            holds = _compared_columns(part.column, part.sign, part.other, schema)
        else:
            dtype = schema[part.column.name]
            column = comparable(exactly(part.column.name), dtype)
            holds = _compared(column, dtype, part.sign, part.other)
        return holds.fill_null(False)

    def among(part: Membership) -> pl.Expr:
        dtype = schema[part.column.name]
        column = exactly(part.column.name)
        if isinstance(dtype, pl.List):
            element = comparable(pl.element(), dtype.inner)
            known = column.list.eval(element.is_not_null()).list.any()
            equal = _equal_one(element, dtype.inner, part.values)
            found = column.list.eval(equal).list.any()
        else:
            column = comparable(column, dtype)
            known, found = column.is_not_null(), _equal_one(column, dtype, part.values)
        known, found = known.fill_null(False), found.fill_null(False)
        return known & ~found if part.negated else found

    return mask(condition, compare, among)


def column_type(dtype: Any) -> ColumnType:
    """The type in conditions of a column, or of a list's elements."""
    value, several = of_one_value(dtype), isinstance(dtype, pl.List)
    if value == pl.Boolean:
        return ColumnType("boolean", several)
    if value.is_numeric():
        return ColumnType("number", several)
    return ColumnType("time" if value.is_temporal() else "string", several)


def comparable(column: pl.Expr, dtype: Any) -> pl.Expr:
    """Return the values as conditions compare them, NaN as null.

    Numbers, booleans and strings stay; times become int64 microseconds since 1970 (UTC).
    """
    if dtype.is_float():
        return column.fill_nan(None)
    return column.to_physical() if dtype.is_temporal() else column


def _compared(column: pl.Expr, dtype: Any, sign: str, value: Value) -> pl.Expr:
    compared = _literal(dtype, sign, value)
    if isinstance(compared, bool):
        return column.is_not_null() & pl.lit(compared)
    return SIGNS[compared[0]](column, pl.lit(*compared[1]))


def _equal_one(column: pl.Expr, dtype: Any, values: Iterable[Value]) -> pl.Expr:
    literals = [_literal(dtype, "==", value) for value in values]
    # An outcome is false here: the column has no such value.
    found = [literal[1] for literal in literals if not isinstance(literal, bool)]
    kind = found[0][1] if found else pl.Null
    return column.is_in(pl.Series([value for value, _ in found], dtype=kind).implode())


def _literal(dtype: Any, sign: str, value: Value) -> tuple[str, tuple[Any, Any]] | bool:
    """A comparison with a value, as one with a literal; or its outcome, if always the same."""
    match column_type(dtype).value:
        case "string":
            return sign, (str(value), pl.String)
        case "time":
            return sign, (microseconds(value), pl.Int64)
        case "boolean":
            return sign, (bool(value), pl.Boolean)
        case "number" if dtype.is_integer():
            least, most = pl.select(least=dtype.min(), most=dtype.max()).row(0)
            compared = with_integers(sign, value, least, most)
            return compared if isinstance(compared, bool) else (compared[0], (compared[1], dtype))
        case _:
            return sign, (as_float(value), dtype if dtype.is_float() else pl.Float64)


def _compared_columns(
    one: Column, sign: str, other: Column, schema: Mapping[str, pl.DataType]
) -> pl.Expr:
    sides = [
        (comparable(exactly(each.name), schema[each.name]), each.name) for each in (one, other)
    ]
    if schema[one.name].is_numeric():
        exact = all(schema[name].is_integer() for _, name in sides)
        sides = [(side.cast(pl.Int128 if exact else pl.Float64), name) for side, name in sides]
    (left, _), (right, _) = sides
    return SIGNS[sign](left, right)
