"""The users in a file: text with one raw id per line, or a Parquet column."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import ShortlistError


def user_ids(path: Path, column: str) -> Iterator[str]:
    """Yield the raw user ids of a text file or of a Parquet column; blank lines and nulls are skipped.

    Raises:
        ShortlistError: there is no such file, it is not text, or it is not Parquet with such a column.
    """
    if not path.is_file():
        raise ShortlistError(
            f"expected a file at {path}, found none. "
            "Give text with one raw user id per line, or Parquet."
        )
    try:
        if path.suffix == ".parquet":
            yield from _parquet_ids(path, column)
            return
        with path.open(encoding="utf-8-sig") as file:  # skips the byte order mark of some editors
            yield from filter(None, map(str.strip, file))
    except pa.ArrowException as error:
        raise ShortlistError(f"expected {path} to be readable as Parquet, got: {error}") from error
    except UnicodeDecodeError as error:
        raise ShortlistError(
            f"expected {path} to be UTF-8 text with one raw user id per line, got other bytes. "
            "If it is Parquet, let its name end in .parquet."
        ) from error
    except OSError as error:
        raise ShortlistError(f"expected to read {path}, got: {error}") from error


def _parquet_ids(path: Path, column: str) -> Iterator[str]:
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        if column not in schema.names:
            raise ShortlistError(
                f"expected the column '{column}', the recipe's columns.user, in {path}, "
                f"got: {', '.join(schema.names)}"
            )
        kind = schema.field(column).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_integer(kind) or kind in (pa.string(), pa.large_string())):
            raise ShortlistError(
                f"expected the column '{column}' of {path} to be an integer or a string, got {kind}"
            )
        for batch in file.iter_batches(columns=[column]):
            yield from (str(each) for each in batch.column(0).to_pylist() if each not in (None, ""))
