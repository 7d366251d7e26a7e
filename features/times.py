"""Times as whole seconds since 1970 (UTC); ``runtime.features.times`` reads single times the same way."""

from __future__ import annotations

from stages.lazy import pl


def in_seconds(column: pl.Series) -> pl.Series:
    """Times of a raw table, which are integer seconds or datetimes in UTC, as Int64 seconds."""
    return column.dt.epoch("s") if column.dtype.is_temporal() else column
