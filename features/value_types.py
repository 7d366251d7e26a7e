"""What the values of a categorical column are, by their Polars type."""

import polars as pl
from polars.datatypes import DataType, DataTypeClass

PolarsDataType = DataType | DataTypeClass


def of_one_value(dtype: PolarsDataType) -> PolarsDataType:
    """The type itself, or that of a list's elements."""
    return dtype.inner if isinstance(dtype, pl.List) else dtype


def kind_of(dtype: PolarsDataType) -> str:
    """``integer``, ``float``, ``boolean`` or ``string``: how vocabularies spell the values."""
    value = of_one_value(dtype)
    if value.is_integer():
        return "integer"
    if value.is_float():
        return "float"
    return "boolean" if value == pl.Boolean else "string"
