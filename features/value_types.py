"""The value type of a categorical column, from its Polars type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stages.lazy import pl

if TYPE_CHECKING:
    from polars.datatypes import DataType, DataTypeClass

    PolarsDataType = DataType | DataTypeClass


def of_one_value(dtype: PolarsDataType) -> PolarsDataType:
    """The type itself, or the element type of a list."""
    return dtype.inner if isinstance(dtype, pl.List) else dtype


def value_type(dtype: PolarsDataType) -> str:
    """``integer``, ``float``, ``boolean`` or ``string``: how vocabularies spell the values."""
    value = of_one_value(dtype)
    if value.is_integer():
        return "integer"
    if value.is_float():
        return "float"
    return "boolean" if value == pl.Boolean else "string"
