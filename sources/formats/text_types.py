"""Types of columns that a file holds as text: guessed from all values, never from the first ones.

Arrow's own guess looks at the first block; those of Polars, DuckDB and Arrow take the code 007 for 7, and a
long id for a floating-point number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

#: Texts that mean a missing value in a column of numbers, booleans or times. In text they may be names.
MISSING = pa.array(
    ["", "NA", "N/A", "n/a", "#N/A", "null", "NULL", "Null", "None", "nan", "NaN", "NAN", r"\N"]
)
#: A zero in front, or a plus, belongs to a code such as a postcode or a telephone number.
_INTEGER = r"^-?(0|[1-9][0-9]*)$"
_NUMBER = r"^[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[iI]nf(inity)?)$"
_CODE = r"^[+-]?0[0-9]|^\+[0-9]+$"
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?$"

TIMES = (
    pa.date32(),
    *(pa.timestamp(unit, zone) for unit in ("us", "ns") for zone in (None, "UTC")),
)
#: The types to choose from, in order of preference; text holds every value.
ALL = (pa.bool_(), pa.int64(), pa.float64(), *TIMES)


@dataclass
class Guess:
    """The narrowest type for all values of a column that were looked at."""

    fitting: Sequence[pa.DataType] = ALL
    empty: bool = True
    _only_missing: bool = field(default=True, repr=False)
    _only_integers: bool = field(default=True, repr=False)

    def look(self, texts: pa.Array) -> None:
        """Narrow the types to those that hold these values, too."""
        if not self.empty and not self.fitting:
            return  # text, whatever follows
        texts = texts.drop_null()
        if not len(texts):
            return
        self.empty = False
        values = _values(texts).drop_null()
        self._only_missing = self._only_missing and not len(values)
        whole = _all_match(values, _INTEGER)
        self._only_integers = self._only_integers and whole
        self.fitting = [each for each in self.fitting if _holds(each, values, whole)]

    @property
    def type(self) -> pa.DataType:
        """The type; null for a column without any value."""
        if self.empty:
            return pa.null()
        if not self.fitting or self._only_missing:
            return pa.string()
        # Integers of 19 digits and more are ids: as floating-point numbers, some would become equal.
        beyond = self._only_integers and self.fitting[0] == pa.float64()
        return pa.string() if beyond else self.fitting[0]


def converted(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """Texts as values of the type that a ``Guess`` found for them."""
    if kind == texts.type:
        return texts
    if pa.types.is_null(kind):
        return pa.nulls(len(texts))
    return pc.cast(_values(texts), kind)


def described(schema: pa.Schema) -> str:
    """Names and types for people: ``user_id: int64, name: string``."""
    return ", ".join(f"{column.name}: {column.type}" for column in schema)


def partition_types(values: Iterator[tuple[str, str | None]]) -> dict[str, pa.DataType]:
    """The types of partition columns, from all values of each."""
    guesses: dict[str, Guess] = {}
    for name, value in values:
        guesses.setdefault(name, Guess()).look(pa.array([value], pa.string()))
    return {name: guess.type for name, guess in guesses.items()}


def _values(texts: pa.Array) -> pa.Array:
    """Without surrounding spaces, and null for what means a missing value."""
    texts = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.is_in(texts, value_set=MISSING), pa.scalar(None, texts.type), texts)


def _all_match(values: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, pattern), min_count=0).as_py())


def _holds(kind: pa.DataType, values: pa.Array, whole: bool) -> bool:
    """Whether the type holds all values; ``whole``: they are spelt as integers."""
    if pa.types.is_boolean(kind):
        fits = _all_match(values, "^(true|false|True|False|TRUE|FALSE)$")
    elif pa.types.is_integer(kind):
        fits = whole
    elif pa.types.is_floating(kind):
        fits = whole or (_all_match(values, _NUMBER) and not _any_match(values, _CODE))
    else:
        fits = _all_match(values, _TIME)
    if not fits:
        return False
    try:
        pc.cast(values, kind)
    except pa.ArrowInvalid:
        return False
    return True


def _any_match(values: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(values, pattern), min_count=0).as_py())
