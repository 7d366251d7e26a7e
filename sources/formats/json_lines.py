"""Files with one JSON object per line, as one table."""

import io
import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa

from sources.formats import compression
from sources.formats.common_schema import Part, common_schema, conformed
from sources.formats.found import Found
from sources.formats.text_types import TIMES, Guess, described, partition_types
from sources.spool import Spool
from stages.arrow_types import plain
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

_BLOCK = 1 << 25
_BOM = b"\xef\xbb\xbf"


def read(files: Sequence[Found], place: str, needed: Collection[str] | None) -> Spool:
    """Read the files. A key that an object lacks is a missing value.

    A column's type is that of all values in all files: one with numbers and text is text. Text is a time if
    all of it is, such as 2024-01-31T12:00:00Z.

    Raises:
        ShortlistError: a file is damaged, or a line is not an object (with its number).
    """
    seen = [(file, _schema(file.path)) for file in files]
    types = _merged([schema for _, schema in seen], place)
    own = plain(pl.DataFrame(schema=types).to_arrow().schema)
    pairs = (pair for file in files for pair in file.partition.items())
    parts = [Part(file.label, own, file.partition) for file in files]
    schema = common_schema(parts, place, needed, partition_types(pairs))
    guesses = {each.name: Guess(TIMES) for each in own if pa.types.is_string(each.type)}
    read = (
        (part.label, _batches(file.path, types, part, schema))
        for file, part in zip(files, parts, strict=True)
    )
    table = Spool(read, schema, guesses)
    log.info(f"{place}: {table.num_rows:,} rows of {described(table.schema)}")
    return table


def _schema(path: Path) -> pl.Schema:
    """The names and types of all objects of a file."""
    found = pl.Schema()
    for first, lines in _blocks(path):
        found = _merged([found, _parsed(path, first, lines, None).schema], str(path))
    if not found:
        raise ShortlistError(
            f"expected a JSON object on each line of {path}, got an empty file. Write it again."
        )
    return found


def _batches(
    path: Path, types: pl.Schema, part: Part, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for first, lines in _blocks(path):
        table = _parsed(path, first, lines, types).to_arrow()
        for batch in table.cast(part.schema).to_batches():
            yield conformed(batch, part, schema, str(path))


def _merged(schemas: list[pl.Schema], place: str) -> pl.Schema:
    """The names of all schemas, each with a type that holds the values of all."""
    merged = {}
    for name in dict.fromkeys(name for schema in schemas for name in schema):
        types = list(dict.fromkeys(schema[name] for schema in schemas if name in schema))
        both = _supertype(types)
        if both is None:
            raise ShortlistError(
                f"expected one type of values for each key in {place}, got "
                f"{' and '.join(map(str, types))} for '{name}'. Write the values in one way."
            )
        merged[name] = both
    return pl.Schema(merged)


def _supertype(types: list[pl.DataType]) -> pl.DataType | None:
    objects = [isinstance(each, pl.Struct) for each in types if each != pl.Null]
    if any(objects) and not all(objects):
        return None  # Polars takes a number for an object of one field
    try:
        return pl.concat(
            [pl.DataFrame(schema={"value": each}) for each in types], how="vertical_relaxed"
        ).schema["value"]
    except pl.exceptions.PolarsError:
        return None


def _blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """The file in blocks of whole lines, each with the number of its first line, from 1."""
    line, rest = 1, b""
    try:
        with pa.input_stream(path, compression=compression(path.name)) as stream:
            while block := stream.read(_BLOCK):
                if line == 1 and not rest:
                    block = block.removeprefix(_BOM)
                end = block.rfind(b"\n") + 1
                if end:
                    yield line, rest + block[:end]
                    line += rest.count(b"\n") + block.count(b"\n", 0, end)
                    rest = b""
                rest += block[end:]
    except OSError as error:
        raise ShortlistError(
            f"expected a complete file at {path}, got an error: {error}. Write it again."
        ) from error
    if rest.strip():
        yield line, rest


def _parsed(path: Path, first: int, lines: bytes, types: pl.Schema | None) -> pl.DataFrame:
    if not lines.strip():
        return pl.DataFrame(schema=types)
    try:
        return pl.read_ndjson(io.BytesIO(lines), schema=types, infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        if bad := _bad_line(first, lines):
            raise ShortlistError(
                f"expected one JSON object per line in {path}, got {bad}. Correct the file; an array of "
                "objects must be written as one object per line."
            ) from error
        raise ShortlistError(
            f"expected one type of values for each key in {path}, got an error from line {first:,} on: "
            f"{str(error).splitlines()[0]}. Write the values in one way."
        ) from error


def _bad_line(first: int, lines: bytes) -> str:
    """What is wrong with the first line that is not an object, and its number; empty if all are."""
    for number, line in enumerate(lines.split(b"\n"), start=first):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            return f"an error in line {number:,}: {error}"
        if not isinstance(value, dict):
            return f"a value of type {type(value).__name__} in line {number:,}"
    return ""
