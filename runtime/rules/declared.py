"""Business rules: items pinned to places, boosted or buried, and limited by category.

A recipe's ``[serving.rules]`` and a request's ``rules`` are tables of the same form, see ``Rules``.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from typing import Any

from ..conditions import ConditionError, columns_of, parse
from ..did_you_mean import did_you_mean

#: The most rules of a kind, which bounds what a request costs.
MOST = 20
LARGEST_FACTOR = 1_000_000

#: Requests repeat the same few conditions.
_condition = lru_cache(256)(parse)


class RuleError(ValueError):
    """Rules are not of the right form; the message names the key, what was expected and got."""


@dataclass(frozen=True)
class Pin:
    """``item`` has this ``place`` of the answer, from 1, if it may be shown."""

    item: str
    place: int


@dataclass(frozen=True)
class Boost:
    """The odds of items that fulfil the condition ``when`` are multiplied by ``factor``."""

    when: str
    factor: float


@dataclass(frozen=True)
class AtMost:
    """At most ``count`` items with the same value of ``attribute`` among the first ``among``.

    ``among`` None: among all items of the answer.
    """

    attribute: str
    count: int
    among: int | None = None


@dataclass(frozen=True)
class Rules:
    """Rules by kind."""

    pin: tuple[Pin, ...] = ()
    boost: tuple[Boost, ...] = ()
    at_most: tuple[AtMost, ...] = ()

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Rules":
        """From a table as TOML and JSON express it: a list of tables for each kind.

        Raises:
            RuleError: it has another form.
        """
        made = {kind: tuple(_read(kind, tables)) for kind, tables in _kinds(content)}
        return cls(**made)._checked()

    def attributes(self) -> dict[str, str]:
        """The names of item attributes, each with the key of a rule that reads it."""
        named = {
            name: f"boost[{number}].when"
            for number, boost in enumerate(self.boost)
            for name in columns_of(_condition(boost.when))
        }
        limits = enumerate(self.at_most)
        return named | {limit.attribute: f"at_most[{number}].attribute" for number, limit in limits}

    def check_attributes(self, known: Collection[str]) -> None:
        """Raise ``RuleError`` if a rule reads an attribute that is not ``known``."""
        for name, key in self.attributes().items():
            if name not in known:
                raise RuleError(
                    f"{key}: expected an item attribute among: {', '.join(sorted(known)) or 'none'}; "
                    f"got '{name}'{did_you_mean(name, known)}"
                )

    def _checked(self) -> "Rules":
        for what in ("item", "place"):
            taken: set[Any] = set()
            for number, pin in enumerate(self.pin):
                value = getattr(pin, what)
                if value in taken:
                    raise RuleError(
                        f"pin[{number}].{what}: expected each {what} once, got {value!r} twice"
                    )
                taken.add(value)
        for number, boost in enumerate(self.boost):
            try:
                _condition(boost.when)
            except ConditionError as error:
                raise RuleError(f"boost[{number}].when: {boost.when[:200]!r}: {error}") from error
        return self


#: By kind, the class of a rule, and an example.
_KINDS: dict[str, type[Any]] = {"pin": Pin, "boost": Boost, "at_most": AtMost}
_EXAMPLES = {
    "pin": '{"item": "p1", "place": 1}',
    "boost": '{"when": "brand == \'own\'", "factor": 1.2}',
    "at_most": '{"attribute": "brand", "count": 2, "among": 10}',
}
#: A request with these switches all rules of the recipe off.
NO_RULES: dict[str, list[Any]] = {kind: [] for kind in _KINDS}


def _kinds(content: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(content, Mapping):
        raise RuleError(f"expected a table with {', '.join(_KINDS)}, got {_shown(content)}")
    for kind, tables in content.items():
        if kind not in _KINDS:
            raise RuleError(
                f"expected rules among {', '.join(_KINDS)}, got {kind!r}{did_you_mean(kind, _KINDS)}"
            )
        yield kind, tables


def _read(kind: str, tables: Any) -> Iterator[Any]:
    """The rules of a kind."""
    if not isinstance(tables, list | tuple):
        raise RuleError(
            f"{kind}: expected a list such as [{_EXAMPLES[kind]}], got {_shown(tables)}"
        )
    if len(tables) > MOST:
        raise RuleError(f"{kind}: expected at most {MOST} rules, got {len(tables)}")
    known = {field.name: field.default is MISSING for field in fields(_KINDS[kind])}
    for number, table in enumerate(tables):
        where = f"{kind}[{number}]"
        if not isinstance(table, Mapping):
            raise RuleError(
                f"{where}: expected a table such as {_EXAMPLES[kind]}, got {_shown(table)}"
            )
        for key in table:
            if key not in known:
                raise RuleError(
                    f"{where}: expected keys among {', '.join(known)}, got {key!r}"
                    f"{did_you_mean(str(key), known)}"
                )
        missing = [key for key, required in known.items() if required and key not in table]
        if missing:
            raise RuleError(
                f"{where}: expected the key {missing[0]}, got none; for example: {_EXAMPLES[kind]}"
            )
        yield _KINDS[kind](**{key: _value(f"{where}.{key}", key, table[key]) for key in table})


def _value(where: str, key: str, value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if key == "item" and whole:
        return str(value)
    if key in ("item", "when", "attribute"):
        if not isinstance(value, str) or not value:
            raise RuleError(f"{where}: expected text, got {_shown(value)}")
        return value
    if key == "factor":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value <= LARGEST_FACTOR:
            raise RuleError(
                f"{where}: expected a number above 0 (below 1 to bury items), at most "
                f"{LARGEST_FACTOR:,}, got {_shown(value)}"
            )
        return float(value)
    if not whole or value < 1:
        raise RuleError(f"{where}: expected a whole number of at least 1, got {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    return repr(value)[:100]
