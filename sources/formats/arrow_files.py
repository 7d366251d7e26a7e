"""Arrow IPC and Feather files, as one table."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.feather

from sources.formats.common_schema import Part, common_schema, conformed
from sources.formats.found import Found
from sources.formats.text_types import partition_types
from sources.spool import Spool
from stages.arrow_types import plain
from stages.errors import ShortlistError


def read(files: Sequence[Found], place: str, needed: Collection[str] | None) -> Spool:
    """Read the files: Arrow's file and stream format, and both versions of Feather.

    Raises:
        ShortlistError: a file is damaged or of another format, or the files contradict each other.
    """
    pairs = (pair for file in files for pair in file.partition.items())
    parts = [Part(file.label, plain(_schema(file.path)), file.partition) for file in files]
    schema = common_schema(parts, place, needed, partition_types(pairs))
    read = (
        (part.label, _conformed(file.path, part, schema))
        for file, part in zip(files, parts, strict=True)
    )
    return Spool(read, schema)


def _conformed(path: Path, part: Part, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in _reading(path, rows=True):
        yield conformed(batch.cast(part.schema), part, schema, str(path))


def _schema(path: Path) -> pa.Schema:
    return next(_reading(path, rows=False))


def _reading(path: Path, rows: bool) -> Iterator[pa.RecordBatch]:
    """The batches of a file, or, without ``rows``, its schema."""
    try:
        with pa.memory_map(str(path)) as source:
            begin = source.read(6)
            source.seek(0)
            if begin[:4] == b"FEA1":
                table = pyarrow.feather.read_table(path)
                yield from table.to_batches() if rows else [table.schema]
            elif begin == b"ARROW1":
                file = pa.ipc.open_file(source)
                numbers = range(file.num_record_batches)
                yield from map(file.get_batch, numbers) if rows else [file.schema]
            else:
                stream = pa.ipc.open_stream(source)
                yield from stream if rows else [stream.schema]
    except (pa.ArrowException, OSError) as error:
        raise ShortlistError(
            f"expected a complete Arrow or Feather file at {path}, got an error: {error}. Write it again."
        ) from error
