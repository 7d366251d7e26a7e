"""The canonical types: int64, float64, string, boolean, times, and lists of these.

uint64 occurs too, for numbers that int64 cannot hold.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recipes.schema.raw_column import RawColumn
from sources.canonical import decimals, texts, times


@dataclass(frozen=True)
class Reading:
    """How the values of a column are read.

    ``values``: decoded Arrow values -> an array of ``type``, in which a value that cannot be read is null.
    ``expected``: what a value must be, for the message about those. ``several``: rows are lists of values;
    ``separator``: of the values of a list that is text.
    """

    type: pa.DataType
    values: Callable[[pa.Array], pa.Array]
    expected: str
    several: bool = False
    separator: str | None = None

    @property
    def column_type(self) -> pa.DataType:
        """The type of the column."""
        return pa.list_(self.type) if self.several else self.type

    def read(self, raw: pa.Array) -> tuple[pa.Array, np.ndarray]:
        """The rows of ``raw`` in the canonical type, and which of them have a value that cannot be read."""
        rows = decoded(raw)
        if self.separator is not None:
            rows = _split(rows, self.separator)
        if not self.several:
            return self._read(rows)
        values, unread = self._read(rows.flatten())
        bad = np.zeros(len(rows), bool)
        bad[np.asarray(pc.list_parent_indices(rows))[unread]] = True
        return _with_values(rows, values), bad

    def loses_digits(self, raw: pa.Array) -> bool:
        """Whether a decimal of ``raw`` has more digits than a float."""
        rows = decoded(raw)
        if self.several and self.separator is None:
            rows = rows.flatten()
        is_float = self.type == pa.float64() and pa.types.is_decimal(rows.type)
        return is_float and decimals.lose_digits(rows, self.values(rows))

    def _read(self, given: pa.Array) -> tuple[pa.Array, np.ndarray]:
        if self.type != pa.string() and pa.types.is_string(given.type):
            given = texts.without_blanks(given)
        found = self.values(given)
        if found.null_count == given.null_count:
            return found, np.zeros(len(given), bool)
        missing = given.is_null(nan_is_null=pa.types.is_floating(given.type))
        return found, np.asarray(pc.and_not(found.is_null(), missing))


def reading(
    raw: pa.DataType, column: RawColumn, is_time: bool, fits_int64: Callable[[], bool]
) -> Reading | None:
    """How to read a column of a raw type as the recipe says; None for a type that cannot be read.

    Args:
        is_time: the recipe needs a time, so text is a time.
        fits_int64: whether all values are below 2^63; asked only if the type does not say so.
    """
    kind = decoded_type(raw)
    separator = column.separator
    if separator is not None:
        if not pa.types.is_string(kind):
            return None
        kind = pa.list_(kind)
    if not pa.types.is_list(kind):
        return _of_values(kind, column, is_time, fits_int64)
    found = _of_values(kind.value_type, column, False, fits_int64)
    if found is None:
        return None
    return Reading(found.type, found.values, found.expected, True, separator)


def canonical_values(values: pa.Array) -> pa.Array:
    """The values in their canonical type, or unchanged if they have none."""
    how = reading(values.type, RawColumn(), False, lambda: fit_int64([values]))
    return values if how is None else how.read(values)[0]


def fit_int64(chunks: Iterable[pa.Array]) -> bool:
    """Whether all numbers, or all in lists, are below 2^63."""
    for chunk in chunks:
        values = decoded(chunk)
        try:
            (values.flatten() if pa.types.is_list(values.type) else values).cast(pa.int64())
        except pa.ArrowInvalid:
            return False
    return True


def _of_values(
    kind: pa.DataType, column: RawColumn, is_time: bool, fits_int64: Callable[[], bool]
) -> Reading | None:
    if pa.types.is_null(kind):
        return Reading(kind, lambda values: values, "")
    if column.cast is not None:
        return _cast(kind, column.cast)
    if column.unit is not None:
        return _counted(kind, times.PER_SECOND[column.unit], column.unit)
    if column.format is not None:
        return _formatted(kind, column.format)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return Reading(times.TIME, times.of_times, "a time in the years 1 to 9999")
    if pa.types.is_string(kind):
        if is_time:
            expected = "a time such as 2024-01-31 or 2024-01-31T09:30:00+02:00"
            return Reading(times.TIME, times.of_iso_texts, expected)
        return Reading(kind, lambda values: values, "")
    if pa.types.is_boolean(kind):
        return Reading(kind, lambda values: values, "")
    whole = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale <= 0)
    if whole and (_is_narrow(kind) or fits_int64()):
        return Reading(pa.int64(), lambda values: values.cast(pa.int64()), "")
    if pa.types.is_integer(kind):
        return Reading(kind, lambda values: values, "")
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Reading(pa.float64(), _as_floats, "")
    return None


def _as_floats(numbers: pa.Array) -> pa.Array:
    if pa.types.is_decimal(numbers.type):
        return decimals.floats(numbers)
    return numbers.cast(pa.float64(), safe=False)  # 64-bit integers may lose digits


def _is_narrow(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) and kind != pa.uint64())


def _cast(kind: pa.DataType, to: str) -> Reading | None:
    is_text, is_binary = pa.types.is_string(kind), pa.types.is_binary(kind)
    is_whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    is_number = is_whole or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if to == "string" and (
        is_text or is_binary or is_number or (pa.types.is_temporal(kind) and not _is_span(kind))
    ):
        return Reading(pa.string(), texts.strings, "text in UTF-8")
    if to == "float" and is_text:
        return Reading(pa.float64(), texts.floats, "a number such as 12.5, $12.50 or 1,299.00")
    if to == "float" and is_number:
        return Reading(pa.float64(), _as_floats, "")
    if to == "integer" and is_text:
        return Reading(pa.int64(), texts.integers, "an integer below 2^63")
    if to == "integer" and is_number:
        expected = "a whole number below 2^63"
        if is_whole and kind != pa.uint64():
            return Reading(pa.int64(), lambda values: values.cast(pa.int64()), expected)
        return Reading(pa.int64(), texts.whole, expected)
    return None


def _is_span(kind: pa.DataType) -> bool:
    return bool(pa.types.is_duration(kind) or pa.types.is_interval(kind))


def _counted(kind: pa.DataType, per_second: int, unit: str) -> Reading | None:
    is_float = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (pa.types.is_integer(kind) or is_float):
        return None

    def read(values: pa.Array) -> pa.Array:
        return times.of_numbers(_as_floats(values) if is_float else values, per_second)

    expected = f"the {unit} since 1970 of a time in the years 1 to 9999"
    return Reading(times.TIME, read, expected)


def _formatted(kind: pa.DataType, form: str) -> Reading | None:
    if not (pa.types.is_string(kind) or pa.types.is_integer(kind)):
        return None

    def read(values: pa.Array) -> pa.Array:
        return times.of_texts(values.cast(pa.string()), form)

    return Reading(times.TIME, read, f"a time in the format '{form}'")


def decoded_type(kind: pa.DataType) -> pa.DataType:
    """The type of ``decoded``."""
    if isinstance(kind, pa.BaseExtensionType):
        return decoded_type(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return decoded_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if _is_bytes(kind):
        return pa.binary()
    if _is_list(kind):
        return pa.list_(decoded_type(kind.value_type))
    return kind


def decoded(values: pa.Array) -> pa.Array:
    """The same values without an encoding: no dictionaries, views, large or fixed sizes, extension types."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return decoded(values.storage)
    if pa.types.is_dictionary(kind):
        return decoded(values.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return decoded(pc.run_end_decode(values))
    if _is_list(kind):
        rows = values.cast(pa.list_(kind.value_type))
        return _with_values(rows, decoded(rows.flatten()))
    plain = decoded_type(kind)
    return values if plain == kind else values.cast(plain)


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _with_values(rows: pa.Array, values: pa.Array) -> pa.Array:
    """The same lists with other values: those that ``rows.flatten()`` became."""
    lengths = rows.value_lengths().fill_null(0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=rows.is_null())


def _split(texts_of_rows: pa.Array, separator: str) -> pa.Array:
    """Lists of the texts between separators, without spaces around them, and without empty ones."""
    rows = pc.split_pattern(texts_of_rows, separator)
    parts = pc.utf8_trim_whitespace(rows.flatten())
    kept = np.asarray(pc.not_equal(parts, ""))
    lengths = np.bincount(np.asarray(pc.list_parent_indices(rows))[kept], minlength=len(rows))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), parts.filter(kept), mask=rows.is_null())
