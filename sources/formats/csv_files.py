"""Files of comma- or tab-separated values, as one table."""

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from sources.formats import compression, ending
from sources.formats.common_schema import Part, common_schema, conformed
from sources.formats.found import Found
from sources.formats.text_types import Guess, described
from sources.spool import Spool
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

_SEPARATORS = ",;\t|"
#: The header, and every row, must be shorter.
_BLOCK = 1 << 24


def read(files: Sequence[Found], place: str, needed: Collection[str] | None) -> Spool:
    """Read the files. The first line of each has the columns' names; the text is UTF-8.

    A column's type is the narrowest that holds all of its values in all files. Empty text is a missing
    value; so are words such as NA and null in columns of numbers, booleans and times.

    Raises:
        ShortlistError: a file is damaged, has no header or a row of another length, or lacks a needed
            column.
    """
    headers = [_header(file.path) for file in files]
    parts = [
        Part(file.label, pa.schema([(name, pa.string()) for name in names]), file.partition)
        for file, (names, _) in zip(files, headers, strict=True)
    ]
    partitions = {name: pa.string() for file in files for name in file.partition}
    schema = common_schema(parts, place, needed, partitions)
    guesses = {name: Guess() for name in schema.names}
    read = (
        (file.label, _conformed(file, part, separator, schema))
        for file, part, (_, separator) in zip(files, parts, headers, strict=True)
    )
    table = Spool(read, schema, guesses)
    log.info(f"{place}: {table.num_rows:,} rows of {described(table.schema)}")
    return table


def _conformed(
    file: Found, part: Part, separator: str, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for batch in _batches(file.path, separator, part.schema):
        yield conformed(batch, part, schema, str(file.path))


def _batches(path: Path, separator: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    try:
        with _opened(path) as stream:
            reader = pyarrow.csv.open_csv(
                stream,
                # With several threads, errors would not include the number of the row.
                pyarrow.csv.ReadOptions(use_threads=False, block_size=_BLOCK),
                pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
                pyarrow.csv.ConvertOptions(
                    column_types=schema, null_values=[""], strings_can_be_null=True
                ),
            )
            last = None
            for last in reader:
                yield last
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, str(error)) from error
    if last is not None and last.num_rows:
        _refuse_an_open_quote(path, last)


def _refuse_an_open_quote(path: Path, last: pa.RecordBatch) -> None:
    """Arrow takes the rest of a file after a quote without its end for one value."""
    value = last.column(last.num_columns - 1)[last.num_rows - 1].as_py()
    if value is None or "\n" not in value:
        return
    tail = b""
    with _opened(path) as stream:
        while block := stream.read(_BLOCK):
            tail = (tail + block)[-16:]
    if not tail.rstrip(b"\r\n").endswith(b'"'):
        begin = value if len(value) < 40 else f"{value[:40]}..."
        raise _unreadable(path, f"the quote before {begin!r} has no end")


def _header(path: Path) -> tuple[list[str], str]:
    """The columns' names and the separator: of those that occur outside quotes, the most frequent."""
    try:
        with _opened(path) as stream:
            begin = stream.read(1 << 20)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, str(error)) from error
    try:
        text = begin.decode("utf-8-sig", errors="strict" if len(begin) < 1 << 20 else "ignore")
    except UnicodeDecodeError as error:
        line = begin.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, f"no UTF-8 in line {line}") from error
    line = next(iter(re.findall(r'(?:"[^"]*"|[^"\r\n])+', text)), "")
    outside = re.sub(r'"[^"]*"', "", line)
    separator = max(_SEPARATORS, key=outside.count) if ending(path.name) == ".csv" else "\t"
    names = next(csv.reader(io.StringIO(line), delimiter=separator), [])
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        got = f"'{twice[0]}' more than once" if twice else "an empty file"
        raise ShortlistError(
            f"expected names of columns in the first line of {path}, each once, got {got}. Correct that "
            "line."
        )
    return names, separator


def _opened(path: Path) -> pa.NativeFile:
    return pa.input_stream(path, compression=compression(path.name))


def _unreadable(path: Path, why: str) -> ShortlistError:
    if "UTF8" in why or "UTF-8" in why:
        return ShortlistError(
            f"expected UTF-8 in {path}, got other bytes ({why}). Save it as UTF-8, for instance with "
            "`iconv -f latin1 -t utf-8`."
        )
    if "straddling" in why:
        why = f"a row longer than {_BLOCK >> 20} MB"
    return ShortlistError(
        f"expected rows with as many values as the first line of {path} has names, got an error: {why}. "
        "Correct the file, or write it again."
    )
