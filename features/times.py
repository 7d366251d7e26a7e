"""Times as whole seconds since 1970 (UTC); ``runtime.features.times`` reads single times the same way."""

from __future__ import annotations

from stages.lazy import pl


def in_seconds(column: pl.Series) -> pl.Series:
    """Integer seconds, dates or datetimes as Int64 seconds; a time without a zone is UTC."""
    if column.dtype.is_temporal():
        return column.cast(pl.Datetime("us")).to_physical() // 1_000_000
    return column.cast(pl.Int64)
