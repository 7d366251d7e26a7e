"""Times -> microseconds since 1970, in UTC."""

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from stages.errors import ShortlistError

TIME = pa.timestamp("us", "UTC")
#: How many of each unit make a second.
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
#: Seconds of the years 1 to 9999: those that every reader of the tables can show.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
#: Date, time of day with fraction, and offset, with or without separators.
_ISO = (
    r"^(\d{4})-?(\d\d)-?(\d\d)"
    r"(?:[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?"
    r" ?(?:[Zz]|UTC|([+-])(\d\d):?(\d\d)?)?)?$"
)


def of_numbers(numbers: pa.Array, per_second: int) -> pa.Array:
    """Times of integers or floats that count from 1970; null for one outside of the years 1 to 9999."""
    missing = numbers.is_null().to_numpy(zero_copy_only=False)
    values = numbers.fill_null(0).to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        fits = values >= max(_FIRST * per_second, -(2**63))
        fits &= values <= min(_LAST * per_second, 2**63 - 1)
    values = np.where(fits, values, 0)
    if values.dtype.kind == "f":
        microseconds = np.round(values * (10**6 / per_second)).astype(np.int64)
    elif per_second > 10**6:
        microseconds = values // (per_second // 10**6)
    else:
        microseconds = values.astype(np.int64) * (10**6 // per_second)
    return pa.array(microseconds.astype(np.int64), pa.int64(), mask=missing | ~fits).view(TIME)


def of_times(times: pa.Array) -> pa.Array:
    """Times of dates or timestamps; a zone only says how to show a moment, and without one it is UTC."""
    kind = times.type
    if pa.types.is_date32(kind):
        days = times.view(pa.int32()).cast(pa.int64())
        return of_numbers(pc.multiply(days, 86_400), PER_SECOND["s"])
    unit = "ms" if pa.types.is_date64(kind) else kind.unit
    return of_numbers(times.view(pa.int64()), PER_SECOND[unit])


def of_iso_texts(texts: pa.Array) -> pa.Array:
    """Times of ISO 8601 texts, each with an offset of its own or none; null for any other text."""
    for kind in (pa.timestamp("us"), TIME):
        try:  # Arrow is fast, but reads texts all without an offset or all with one
            return of_times(texts.cast(kind))
        except pa.ArrowInvalid:
            continue
    parts = pl.Series(texts).str.strip_chars().str.extract_groups(_ISO).struct.unnest()
    parts.columns = [
        *("year", "month", "day", "hour", "minute", "second", "fraction"),
        *("sign", "hours", "minutes"),
    ]
    number = {name: pl.col(name).cast(pl.Int64) for name in parts.columns if name != "sign"}
    offset = number["hours"].fill_null(0) * 60 + number["minutes"].fill_null(0)
    offset = pl.when(pl.col("sign") == "-").then(-offset).otherwise(offset)
    text = pl.concat_str(
        *("year", pl.lit("-"), "month", pl.lit("-"), "day", pl.lit(" ")),
        *(pl.col("hour").fill_null("00"), pl.lit(":"), pl.col("minute").fill_null("00")),
        *(pl.lit(":"), pl.col("second").fill_null("00")),
    )
    whole = text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
    fraction = pl.col("fraction").fill_null("0").str.pad_end(9, "0").cast(pl.Int64) // 1000
    found = parts.select(
        whole.to_physical() + fraction - offset * 60_000_000,
    ).to_series()
    return of_numbers(_plain(found), PER_SECOND["us"])


def of_texts(texts: pa.Array, form: str) -> pa.Array:
    """Times of texts in a format of ``strptime``; null for one that does not match.

    Raises:
        ShortlistError: it is not a format.
    """
    try:
        found = (
            pl.Series(texts).str.strip_chars().str.to_datetime(form, strict=False, time_unit="us")
        )
    except pl.exceptions.PolarsError as error:
        reason = str(error).split("\n", 1)[0]
        raise ShortlistError(
            f"expected the format of a time in source.columns, such as '%d.%m.%Y %H:%M', got '{form}': "
            f"{reason}"
        ) from error
    return of_numbers(_plain(found.to_physical()), PER_SECOND["us"])


def _plain(column: pl.Series) -> pa.Array:
    return column.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.int64())
