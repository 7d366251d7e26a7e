"""One table in one or more Parquet files, read one column or some rows at a time."""

from collections.abc import Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from stages.arrow_types import plain
from stages.errors import ShortlistError

_ROWS_AT_ONCE = 1 << 17
_UNREADABLE = (pa.ArrowException, OSError)


class ParquetFiles:
    """The rows of ``files``, one file after another: a ``sources.tables.Rows`` with plain types.

    The order of columns may differ between files. Numbers may be narrower in one file than in another, times
    may have other zones and units, and a column without any values may have no type.

    Raises:
        ShortlistError: at once, if a file is not Parquet or its columns differ from those of the first (names
            all differences); on reading, if a row group is damaged (names its number and column).
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = [_look_at(path) for path in files]
        self.schema = _common_schema(self._files)
        self.num_rows = sum(file.metadata.num_rows for file in self._files)

    def column(self, name: str) -> pa.ChunkedArray:
        """One whole column of all files."""
        kind = self.schema.field(name).type
        chunks = [batch.column(name).cast(kind, safe=False) for batch in self._read([name])]
        return pa.chunked_array(chunks, kind)

    def select(self, names: Sequence[str]) -> "ParquetFiles":
        """The same rows with some of the columns."""
        some = copy(self)
        some.schema = pa.schema([self.schema.field(name) for name in names])
        return some

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, file by file."""
        names = self.schema.names
        for batch in self._read(names):
            ordered = batch if batch.schema.names == names else batch.select(names)
            yield ordered.cast(self.schema, safe=False)

    def place(self, row: int) -> str:
        """The row group and file of a row, for messages; ``row`` counts through all files."""
        for file in self._files:
            before = row
            for group in range(file.metadata.num_row_groups):
                if row < (rows := file.metadata.row_group(group).num_rows):
                    return (
                        f"row {before} (counted from 0) of {file.path.name}, in row group {group}"
                    )
                row -= rows
        raise IndexError(row)

    def _read(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        for each in self._files:
            with pq.ParquetFile(
                each.path, metadata=each.metadata, page_checksum_verification=True
            ) as file:
                for group in range(each.metadata.num_row_groups):
                    rows = file.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=columns)
                    try:
                        yield from rows
                    except _UNREADABLE as error:
                        raise _damaged(each.path, file, group, columns, error) from error


class _File(NamedTuple):
    """A file, closed again: there may be more files than a process may have open."""

    path: Path
    metadata: pq.FileMetaData
    schema: pa.Schema


def _look_at(path: Path) -> _File:
    try:
        with pq.ParquetFile(path) as file:
            return _File(path, file.metadata, plain(file.schema_arrow))
    except PermissionError as error:
        raise ShortlistError(
            f"expected to read {path}, got: permission denied. Give your user read permission for it."
        ) from error
    except _UNREADABLE as error:
        raise ShortlistError(
            f"expected a complete Parquet file at {path}, got an error: {error}. "
            "Write the file again."
        ) from error


def _damaged(
    path: Path, file: pq.ParquetFile, group: int, names: list[str], error: Exception
) -> ShortlistError:
    """The error for a damaged row group, with the first column that is unreadable on its own."""
    where = f"row group {group} of {file.num_row_groups} (counted from 0)"
    for name in names:
        try:
            file.read_row_group(group, columns=[name])
        except _UNREADABLE as found:
            where, error = f"column '{name}' in {where}", found
            break
    return ShortlistError(
        f"expected a complete Parquet file at {path}, got damage in {where}: {error}. "
        "Write the file again."
    )


def _common_schema(files: list[_File]) -> pa.Schema:
    first, common = files[0].path, files[0].schema
    problems = []
    for path, _, schema in files[1:]:
        problems += [
            f"{path.name} lacks column '{name}'"
            for name in common.names
            if name not in schema.names
        ]
        problems += [
            f"{path.name} has an extra column '{name}'"
            for name in schema.names
            if name not in common.names
        ]
        for name in set(common.names) & set(schema.names):
            if max(common.names.count(name), schema.names.count(name)) > 1:
                continue  # refused if the recipe uses it
            here, there = schema.field(name).type, common.field(name).type
            both = _common_type(here, there)
            if both is None:
                problems.append(
                    f"column '{name}' is {here} in {path.name}, {there} in earlier files"
                )
            else:
                common = common.set(common.get_field_index(name), pa.field(name, both))
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in sorted(problems))
        raise ShortlistError(
            f"expected the same columns with the same types in all files of {first.parent} (times all "
            f"with a time zone or all without), got differences from {first.name}:\n{lines}\n"
            "Write these files again, or move them elsewhere."
        )
    return common


def _common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """A type that holds the values of both unchanged, or None."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    unsigned = pa.uint64()
    if pa.types.is_integer(one) and pa.types.is_integer(other) and unsigned not in (one, other):
        return pa.int64()
    if pa.types.is_floating(one) and pa.types.is_floating(other):
        return pa.float64()
    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other):
        # a zone only says how to show a moment, but a time without one may be a local time
        if (one.tz is None) != (other.tz is None):
            return None
        return pa.timestamp("us", None if one.tz is None else "UTC")
    return None
