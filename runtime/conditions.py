"""The language of conditions, such as ``genres has "Drama" and 1990 <= year < 2000``.

A recipe's ``interactions.filter`` and ``interactions.positive`` are conditions on interaction columns; a
request's ``filter`` is a condition on item features.

::

    condition  = all ("or" all)*
    all        = part ("and" part)*
    part       = "not" part | "(" condition ")" | comparison
    comparison = operand (("==" | "!=" | "<" | "<=" | ">" | ">=") operand)+
               | NAME "has" value
               | NAME ["not"] "in" ("[" values "]" | "(" values ")")
    operand    = NAME | value
    values     = value ("," value)*
    value      = number | "string" | 'string' | "true" | "false"
    NAME       = word | `any other name, with a backtick doubled`

A comparison names a column. All of its links must hold: ``1 < x < 3`` means ``1 < x and x < 3``. ``has`` and
``in`` also apply to lists: one element equals the value, or is among the values. A missing value satisfies no
comparison, not even ``!=`` or ``not in``.

A value is compared as the column's type:

- An integer column compares exactly, also with a number that has a fraction. A column of floating-point
  numbers compares with the nearest number of its precision.
- A boolean column takes ``true`` and ``false``, or 1 and 0, and no order.
- Strings are ordered by code points.
- Times are ISO 8601 strings such as ``"2024-01-31T12:00:00+01:00"``, exact to the microsecond; without a zone
  they are UTC, without a time they are midnight.
- Of two number columns, integers compare exactly; if one is floating-point, both compare as float64.

``parse`` reads a text, ``check`` checks it against the columns, and ``mask`` evaluates it: with NumPy arrays
on the server (``runtime.candidates.item_filter``), with Polars expressions during preparation
(``workflows.conditions``); tests compare the two. No part of a condition is ever run as Python.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, TypeVar

from .condition_values import SIGNS, Value, microseconds
from .did_you_mean import did_you_mean

#: Longer conditions and deeper nesting are refused.
LONGEST, DEEPEST = 10_000, 50
#: Longer integers are refused.
LONGEST_NUMBER = 400
EXAMPLE = 'for example: genres has "Drama" and year >= 1990'

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_KEYWORDS = {"and", "or", "not", "in", "has"}
_VALUES = {"true": True, "True": True, "false": False, "False": False}
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[-+]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<name>`(?:[^`]|``)*`)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,))""",
    re.VERBOSE,
)

Mask = TypeVar("Mask", bound=Any)


@dataclass(frozen=True)
class Column:
    """A column by its name."""

    name: str


@dataclass(frozen=True)
class Comparison:
    """A column, one of ``SIGNS``, and a value or another column."""

    column: Column
    sign: str
    other: Column | Value


@dataclass(frozen=True)
class Membership:
    """The column's value, or one of its list, is among the values.

    ``negated``: it has values, but none of them is among the values.
    """

    column: Column
    values: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True)
class Negation:
    """The part does not hold."""

    part: "Condition"


@dataclass(frozen=True)
class Junction:
    """All parts hold (``and``), or one of them (``or``)."""

    word: Literal["and", "or"]
    parts: tuple["Condition", ...]


Condition = Comparison | Membership | Negation | Junction


@dataclass(frozen=True)
class ColumnType:
    """The type of value that a column is compared with; ``several``: it holds lists of them."""

    value: Literal["number", "boolean", "string", "time"]
    several: bool = False

    def __str__(self) -> str:
        return f"lists of {self.value}s" if self.several else f"{self.value}s"


class ConditionError(ValueError):
    """A text is not a valid condition on these columns; the message says what was expected and got."""


def parse(text: str) -> Condition:
    """Parse a condition.

    Raises:
        ConditionError: the text is not a condition.
    """
    return _Reader(text).condition()


def check(condition: Condition, columns: Mapping[str, ColumnType]) -> None:
    """Check a condition against the columns.

    Raises:
        ConditionError: it names another column, or compares values of different types.
    """
    for part in _comparisons(condition):
        column = _type_of(part.column, columns)
        if isinstance(part, Membership):
            for value in part.values:
                _check_value(part.column.name, column, value)
            continue
        if column.several:
            raise ConditionError(
                f"expected `has` or `in` after '{part.column.name}', which holds {column}, "
                f"got {part.sign}"
            )
        if column.value == "boolean" and part.sign not in ("==", "!="):
            raise ConditionError(
                f"'{part.column.name}' holds booleans: expected == or != after it, got {part.sign}"
            )
        if not isinstance(part.other, Column):
            _check_value(part.column.name, column, part.other)
        elif (other := _type_of(part.other, columns)) != column:
            raise ConditionError(
                f"expected columns of the same type, got '{part.column.name}' with {column} and "
                f"'{part.other.name}' with {other}"
            )


def mask(
    condition: Condition,
    compare: Callable[[Comparison], Mask],
    among: Callable[[Membership], Mask],
) -> Mask:
    """Evaluate a condition; ``compare`` and ``among`` return the rows for which a part holds."""
    match condition:
        case Comparison():
            return compare(condition)
        case Membership():
            return among(condition)
        case Negation(part):
            return ~mask(part, compare, among)
        case Junction(word, parts):
            masks = [mask(part, compare, among) for part in parts]
            return reduce(operator.and_ if word == "and" else operator.or_, masks)


def columns_of(condition: Condition) -> list[str]:
    """The names of the columns that a condition reads, each once, in its order."""
    names = []
    for part in _comparisons(condition):
        names.append(part.column.name)
        if isinstance(part, Comparison) and isinstance(part.other, Column):
            names.append(part.other.name)
    return list(dict.fromkeys(names))


def _comparisons(condition: Condition) -> Iterator[Comparison | Membership]:
    match condition:
        case Negation(part):
            yield from _comparisons(part)
        case Junction(_, parts):
            for each in parts:
                yield from _comparisons(each)
        case _:
            yield condition


def _type_of(column: Column, columns: Mapping[str, ColumnType]) -> ColumnType:
    if column.name not in columns:
        raise ConditionError(
            f"expected a column among: {', '.join(sorted(columns)) or 'none'}; got '{column.name}'"
            f"{did_you_mean(column.name, columns)}"
        )
    return columns[column.name]


_EXPECTED = {
    "number": "a number",
    "boolean": "true or false",
    "string": "a string",
    "time": 'a time such as "2024-01-31 12:00"',
}


def _check_value(name: str, column: ColumnType, value: Value) -> None:
    if not _fits(column, value):
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        raise ConditionError(
            f"'{name}' holds {column}: expected {_EXPECTED[column.value]}, got {shown[:100]}"
        )


def _fits(column: ColumnType, value: Value) -> bool:
    match column.value:
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return not isinstance(value, str) and value in (0, 1)
        case "string":
            return isinstance(value, str)
        case "time":
            try:
                microseconds(value)
            except ValueError:
                return False
            return True


class _Reader:
    """Parses a condition from left to right."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ConditionError(f"expected at most {LONGEST} characters, got {len(text)}")
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0

    def condition(self) -> Condition:
        found = self._junction()
        if self._peek()[0] != "end":
            raise ConditionError(f"expected `and`, `or` or the end, got {_shown(self._peek())}")
        return found

    def _junction(self) -> Condition:
        return self._joined("or", lambda: self._joined("and", self._part))

    def _joined(self, word: Literal["and", "or"], read: Callable[[], Condition]) -> Condition:
        parts = [read()]
        while self._take(word):
            parts.append(read())
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def _part(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConditionError(f"expected at most {DEEPEST} levels of nesting, got more")
        try:
            if self._take("not"):
                return Negation(self._part())
            if self._take("("):
                found = self._junction()
                self._need(")")
                return found
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Condition:
        operand = self._operand()
        if isinstance(operand, Column) and self._peek()[1] in ("has", "in", "not"):
            return self._membership(operand)
        links: list[Condition] = []
        while self._peek()[1] in SIGNS and self._peek()[0] == "sign":
            sign, other = self._pop()[1], self._operand()
            if isinstance(operand, Column):
                links.append(Comparison(operand, sign, other))
            elif isinstance(other, Column):
                links.append(Comparison(other, _FLIPPED.get(sign, sign), operand))
            else:
                raise ConditionError(
                    f"expected the name of a column on one side of {sign}, got two values"
                )
            operand = other
        if not links:
            raise ConditionError(
                f"expected a comparison ({' '.join(SIGNS)} has in, not in), "
                f"got {_shown(self._peek())}"
            )
        return links[0] if len(links) == 1 else Junction("and", tuple(links))

    def _membership(self, column: Column) -> Membership:
        if self._take("has"):
            return Membership(column, (self._value(),))
        negated = self._take("not")
        self._need("in")
        closing = "]" if self._take("[") else ")"
        if closing == ")":
            self._need("(", "'[' or '('")
        values = [self._value()]
        while self._take(",") and self._peek() != ("sign", closing):
            values.append(self._value())
        self._need(closing)
        return Membership(column, tuple(values), negated)

    def _operand(self) -> Column | Value:
        kind, word = self._peek()
        if kind in ("name", "word") and word not in _VALUES:
            self._next += 1
            return Column(word[1:-1].replace("``", "`") if kind == "name" else word)
        return self._value("the name of a column, a number or a string")

    def _value(self, expected: str = "a number or a string") -> Value:
        kind, word = self._pop()
        if kind == "word" and word in _VALUES:
            return _VALUES[word]
        if kind == "number":
            if not re.fullmatch(r"[-+]?[\d_]+", word):
                return float(word)
            if len(word) > LONGEST_NUMBER:
                raise ConditionError(
                    f"expected a number of at most {LONGEST_NUMBER} characters, got {len(word)}"
                )
            return int(word)
        if kind == "string":
            return re.sub(r"\\(.)", r"\1", word[1:-1])
        raise ConditionError(f"expected {expected}, got {_shown((kind, word))}")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("end", "the end")

    def _pop(self) -> tuple[str, str]:
        found = self._peek()
        self._next += 1
        return found

    def _take(self, word: str) -> bool:
        taken = self._peek() == ("sign", word)
        self._next += taken
        return taken

    def _need(self, word: str, expected: str = "") -> None:
        if not self._take(word):
            raise ConditionError(f"expected {expected or repr(word)}, got {_shown(self._peek())}")


def _shown(token: tuple[str, str]) -> str:
    """The token in quotes, for error messages; the end of the condition without."""
    kind, word = token
    return word if kind == "end" else repr(word)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise ConditionError(
                f"expected a name, a value or an operator, got {text[place:].strip()[:20]!r}"
            )
        kind = str(match.lastgroup)
        yield ("sign" if match[kind] in _KEYWORDS else kind, match[kind])
        place = match.end()
