"""What the values of a column are like."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from sources.tables import RawTable

#: Values that stand for a long text when the words of a column are counted.
_SAMPLE = 10_000


@dataclass(frozen=True)
class Facts:
    """One column: its type, and what holds for all of its values."""

    name: str
    type: pa.DataType
    rows: int
    nulls: int
    #: The distinct values; of a column of lists, those in the lists.
    values: pa.Array
    #: Whether each value is at least the one before it.
    rising: bool

    @cached_property
    def distinct(self) -> int:
        return len(self.values)

    @property
    def is_text(self) -> bool:
        return bool(pa.types.is_string(self.type))

    @property
    def is_whole(self) -> bool:
        return bool(pa.types.is_integer(self.type))

    @property
    def is_key(self) -> bool:
        """Whether it identifies the rows: text or integers, each once."""
        typed = self.is_text or self.is_whole
        return typed and not self.nulls and self.distinct == self.rows > 0

    @property
    def words(self) -> set[str]:
        return words(self.name)

    @cached_property
    def texts(self) -> pa.Array:
        """The distinct values as text, for comparing integers with text."""
        return pc.cast(self.values, pa.string())

    @cached_property
    def words_per_value(self) -> float:
        """How many words a text has, on average."""
        some = self.values.slice(0, _SAMPLE)
        count = pc.mean(pc.list_value_length(pc.utf8_split_whitespace(some))).as_py()
        return count or 0.0


@dataclass(frozen=True)
class TableFacts:
    """A table and its columns."""

    raw: RawTable
    #: Its path or URL, as given.
    place: str
    columns: dict[str, Facts]

    @property
    def rows(self) -> int:
        return self.raw.table.num_rows

    @property
    def words(self) -> set[str]:
        """The words of the file's name."""
        return words(stem(self.place))


def look_at(raw: RawTable, place: str) -> TableFacts:
    """The facts of a table; columns of structs and the like are left out."""
    schema = raw.table.schema
    columns = {}
    for field in schema:
        if schema.names.count(field.name) == 1 and _is_known(field.type):
            columns[field.name] = _facts(field.name, raw.column(field.name))
    return TableFacts(raw, place, columns)


def stem(place: str) -> str:
    """The name of a file without its endings, or of a folder."""
    name = PurePosixPath(re.sub(r"[*?\[\]]", "", place).rstrip("/")).name
    return name.split(".", 1)[0]


def words(name: str) -> set[str]:
    """The words of a name in lower case: those of ``userId``, ``USER_ID`` and ``userid`` are equal."""
    found = {
        word.lower() for word in re.findall(r"[^\W\d_]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])|\d+", name)
    }
    for word in list(found):
        if word.endswith("id") and len(word) > 3:
            found |= {word[:-2], "id"}
        if word.endswith("s") and len(word) > 3:
            found |= {word[:-1], f"{word[:-3]}y"} if word.endswith("ies") else {word[:-1]}
    return found


def _is_known(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return _is_known(kind.value_type) and not pa.types.is_list(kind.value_type)
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_null(kind))


def _facts(name: str, column: pa.ChunkedArray) -> Facts:
    kind, nulls = column.type, column.null_count
    flat = pc.list_flatten(column) if pa.types.is_list(kind) else column
    values = pc.unique(flat).drop_null()
    rising = pa.types.is_integer(kind) and nulls == 0 and _rises(column)
    return Facts(name, kind, len(column), nulls, values, rising)


def _rises(column: pa.ChunkedArray) -> bool:
    values = column.combine_chunks()
    return bool(pc.all(pc.less_equal(values[:-1], values[1:])).as_py())
