"""A condition on item attributes, such as ``genres has "Drama" and year >= 1990``.

::

    condition  = all ("or" all)*
    all        = part ("and" part)*
    part       = "not" part | "(" condition ")" | comparison
    comparison = NAME ("==" | "!=" | "<" | "<=" | ">" | ">=" | "has") value
               | NAME ["not"] "in" "[" value ("," value)* "]"
    value      = number | "string" | 'string'

``has`` is for lists: one of the values is that one. An item without a value fulfils no comparison, not
even ``!=`` or ``not in``. Nothing of a condition is ever run as Python.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..did_you_mean import nearest
from ..errors import RequestError
from .item_attributes import Attribute

#: A longer condition is refused, and so is a deeper nest of parentheses: both are nobody's wish.
LONGEST, DEEPEST = 10_000, 50
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,))""",
    re.VERBOSE,
)
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_KEYWORDS = {"and", "or", "not", "in", "has"}
_EXAMPLE = 'for instance: genres has "Drama" and year >= 1990'


def matching(text: str, attributes: Mapping[str, Attribute]) -> np.ndarray:
    """bool [items]: which items fulfil the condition.

    Raises:
        RequestError: it is no condition, names an unknown attribute or compares unlike things.
    """
    return _Reader(text, attributes).mask()


class _Reader:
    """Reads a condition from left to right, and works it out as it goes."""

    def __init__(self, text: str, attributes: Mapping[str, Attribute]) -> None:
        self._attributes = attributes
        self._depth = 0
        if len(text) > LONGEST:
            raise RequestError(
                f"expected a filter of at most {LONGEST} characters, got {len(text)}"
            )
        self._text = text
        self._tokens = self._split(text)
        self._next = 0

    def mask(self) -> np.ndarray:
        found = self._condition()
        if self._next < len(self._tokens):
            raise self._refusal(f"it should end before {self._peek()[1]!r}")
        return found

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens, place, end = [], 0, len(text.rstrip())
        while place < end:
            match = _TOKEN.match(text, place)
            if match is None:
                raise self._refusal(f"{text[place:].strip()[:20]!r} cannot be read")
            kind = str(match.lastgroup)
            word = match[kind]
            tokens.append(("sign" if word in _KEYWORDS else kind, word))
            place = match.end()
        return tokens

    def _condition(self) -> np.ndarray:
        found = self._all()
        while self._take("or"):
            found = found | self._all()
        return found

    def _all(self) -> np.ndarray:
        found = self._part()
        while self._take("and"):
            found = found & self._part()
        return found

    def _part(self) -> np.ndarray:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._refusal(f"it is nested more than {DEEPEST} deep")
        try:
            if self._take("not"):
                return ~self._part()
            if self._take("("):
                found = self._condition()
                self._need(")")
                return found
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> np.ndarray:
        attribute = self._attribute()
        word = self._word()
        if word in _COMPARISONS:
            if attribute.offsets is not None:
                raise self._refusal(f"{attribute.name} holds {attribute.kind}: ask with `has`")
            return self._compared(attribute, word, self._value(attribute))
        if word == "has":
            return attribute.any_of(self._equal(attribute, self._value(attribute)))
        negated = word == "not"
        if (self._word() if negated else word) != "in":
            raise self._refusal(f"{word!r} is no comparison (== != < <= > >= has in, not in)")
        self._need("[")
        among = self._equal(attribute, self._value(attribute))
        while self._take(","):
            among = among | self._equal(attribute, self._value(attribute))
        self._need("]")
        found = attribute.any_of(among)
        return attribute.any_of(self._known(attribute)) & ~found if negated else found

    def _attribute(self) -> Attribute:
        kind, name = self._peek()
        if kind != "word":
            raise self._refusal(f"expected the name of an attribute, got {name!r}")
        if name not in self._attributes:
            raise RequestError(
                f"the filter names {name!r}; the attributes of items are "
                f"{sorted(self._attributes)}{nearest(name, self._attributes)}"
            )
        self._next += 1
        return self._attributes[name]

    def _value(self, attribute: Attribute) -> float | str:
        kind, word = self._peek()
        wanted = "number" if attribute.words is None else "string"
        if kind != wanted:
            raise self._refusal(
                f"{attribute.name} holds {attribute.kind}: expected a {wanted}, got {word!r}"
            )
        self._next += 1
        return float(word) if kind == "number" else re.sub(r"\\(.)", r"\1", word[1:-1])

    @staticmethod
    def _compared(attribute: Attribute, sign: str, value: float | str) -> np.ndarray:
        compare = _COMPARISONS[sign]
        if attribute.words is None:
            return np.asarray(compare(attribute.values, value)) & ~np.isnan(attribute.values)
        # Once for every distinct string, with one more at the end for a missing value (-1).
        holds = np.array([compare(word, value) for word in attribute.words] + [False])
        return holds[attribute.values]

    def _equal(self, attribute: Attribute, value: float | str) -> np.ndarray:
        return self._compared(attribute, "==", value)

    @staticmethod
    def _known(attribute: Attribute) -> np.ndarray:
        return ~np.isnan(attribute.values) if attribute.words is None else attribute.values >= 0

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("end", "its end")

    def _word(self) -> str:
        word = self._peek()[1]
        self._next += 1
        return word

    def _take(self, word: str) -> bool:
        taken = self._peek() == ("sign", word)
        self._next += taken
        return taken

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise self._refusal(f"expected {word!r}, got {self._peek()[1]!r}")

    def _refusal(self, reason: str) -> RequestError:
        return RequestError(f"the filter {self._text[:200]!r} cannot be read: {reason}; {_EXAMPLE}")
