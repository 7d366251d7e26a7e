"""The users that a file names: text with a raw id a line, or a column of Parquet."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import ShortlistError


def user_ids(path: Path, column: str) -> Iterator[str]:
    """Raw user ids of a text file or of a Parquet file's column; blank lines and nulls are left out.

    Raises:
        ShortlistError: there is no such file, it is no text, or it is no Parquet with such a column.
    """
    if not path.is_file():
        raise ShortlistError(f"There is no file {path}. Expected a raw user id a line, or Parquet.")
    try:
        if path.suffix == ".parquet":
            yield from _parquet_ids(path, column)
            return
        with path.open(encoding="utf-8-sig") as file:  # some editors begin a file with a mark
            yield from filter(None, map(str.strip, file))
    except pa.ArrowException as error:
        raise ShortlistError(f"{path} cannot be read as Parquet: {error}") from error
    except UnicodeDecodeError as error:
        raise ShortlistError(
            f"{path} is no text in UTF-8. Expected a raw user id a line; a Parquet file's name ends in "
            ".parquet."
        ) from error
    except OSError as error:
        raise ShortlistError(f"{path} cannot be read: {error}") from error


def _parquet_ids(path: Path, column: str) -> Iterator[str]:
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        if column not in schema.names:
            raise ShortlistError(
                f"{path} has no column '{column}', the recipe's columns.user. "
                f"It has: {', '.join(schema.names)}."
            )
        kind = schema.field(column).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_integer(kind) or kind in (pa.string(), pa.large_string())):
            raise ShortlistError(
                f"Column '{column}' of {path} must be an integer or a string, and it is {kind}."
            )
        for batch in file.iter_batches(columns=[column]):
            yield from (str(each) for each in batch.column(0).to_pylist() if each not in (None, ""))
