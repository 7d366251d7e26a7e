"""Texts -> numbers, and other values -> texts."""

from decimal import Decimal

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

#: A currency sign or code before or after a number, such as in "$12.50", "-€ 3" and "12 CHF".
_BEFORE = r"^([+-]?)\s*(?:\p{Sc}|[A-Z]{3}\b)\s*([+-]?)"
_AFTER = r"\s*(?:\p{Sc}|\b[A-Z]{3})$"
#: Thousands in groups of three digits.
_GROUPED = r"^[+-]?\d{1,3}(?:[,'’_\s]\d{3})+(?:\.\d*)?$"
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_INTEGER = r"^[+-]?\d+$"


def floats(texts: pa.Array) -> pa.Array:
    """float64 of texts such as "12.5", "$12.50" and "1,299.00"; null for any other text."""
    bare = pl.Series(texts).str.strip_chars()
    bare = bare.str.replace(_BEFORE, "${1}${2}").str.replace(_AFTER, "")
    return _numbers(bare, _NUMBER, pl.Float64())


def integers(texts: pa.Array) -> pa.Array:
    """int64 of texts such as "12", "007" and "1,299"; null for any other text."""
    return _numbers(pl.Series(texts).str.strip_chars(), _INTEGER, pl.Int64())


def _numbers(bare: pl.Series, pattern: str, dtype: pl.DataType) -> pa.Array:
    number = pl.col("text").str.replace_all(r"[,'’_\s]", "")
    number = pl.when(pl.col("text").str.contains(_GROUPED)).then(number).otherwise(pl.col("text"))
    number = number.str.strip_prefix("+")
    number = pl.when(number.str.contains(pattern)).then(number)
    found = pl.DataFrame({"text": bare}).select(number.cast(dtype, strict=False)).to_series()
    return found.to_arrow(compat_level=pl.CompatLevel.oldest())


def whole(numbers: pa.Array) -> pa.Array:
    """int64 of floats or decimals that are whole; null for the others."""
    found = [None if value is None else _whole(value) for value in numbers.to_pylist()]
    return pa.array(found, pa.int64())


def _whole(value: float | Decimal) -> int | None:
    if value != value or value in (float("inf"), float("-inf")) or value != int(value):
        return None
    return int(value) if -(2**63) <= value < 2**63 else None


def strings(values: pa.Array) -> pa.Array:
    """The spelling of each value; null for bytes that are not UTF-8."""
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_decoded(value) for value in values.to_pylist()], pa.string())


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def without_blanks(texts: pa.Array) -> pa.Array:
    """The same texts, with null for one that is empty or only spaces: a CSV file's missing value."""
    blank = pc.equal(pc.utf8_trim_whitespace(texts), "")
    return pc.if_else(pc.fill_null(blank, False), pa.scalar(None, pa.string()), texts)
