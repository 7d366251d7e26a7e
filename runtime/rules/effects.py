"""What business rules (``rules``) do to the candidates of a user."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..candidates.catalogue import NO_ROW, Catalogue
from ..candidates.item_attributes import Attribute
from ..candidates.item_filter import condition_on, holds
from ..conditions import Condition, columns_of
from ..errors import RequestError
from .declared import AtMost, Boost, RuleError, Rules


@dataclass(frozen=True)
class ActiveRules:
    """Rules, checked against the items of a release.

    ``pins``: place, from 1, by item row; ``boosts`` with their conditions; ``limits``; ``attributes``: of
    the release.
    """

    pins: dict[int, int]
    boosts: tuple[tuple[Boost, Condition], ...]
    limits: tuple[AtMost, ...]
    attributes: Mapping[str, Attribute]

    @classmethod
    def of(
        cls, rules: Rules, catalogue: Catalogue, attributes: Mapping[str, Attribute]
    ) -> "ActiveRules":
        """Check rules against a release.

        Raises:
            RequestError: they name an item or attribute that it does not have, or compare different types.
        """
        try:
            rules.check_attributes(attributes)
        except RuleError as error:
            raise RequestError(f"rules.{error}") from error
        rows = catalogue.rows(pin.item for pin in rules.pin)
        for number, (pin, row) in enumerate(zip(rules.pin, rows, strict=True)):
            if row < 0:
                raise RequestError(
                    f"rules.pin[{number}].item: expected an item of this release, got "
                    f"{pin.item[:200]!r}; correct the id, or leave the pin out"
                )
        conditions = (
            condition_on(boost.when, attributes, f"rules.boost[{number}].when")
            for number, boost in enumerate(rules.boost)
        )
        pins = {row: pin.place for pin, row in zip(rules.pin, rows, strict=True)}
        return cls(
            pins, tuple(zip(rules.boost, conditions, strict=True)), rules.at_most, attributes
        )

    @property
    def arranges(self) -> bool:
        """Whether the rules move items after they are ordered."""
        return bool(self.pins or self.limits)

    def boosted(self, rows: np.ndarray) -> list[tuple[Boost, np.ndarray]]:
        """Each boost, and whether it applies to each of the item rows: bool of their shape; -1 pads."""
        flat = np.maximum(rows.ravel(), 0)
        names = {name for _, condition in self.boosts for name in columns_of(condition)}
        taken = {name: self.attributes[name].take(flat) for name in names}
        return [
            (boost, holds(condition, taken).reshape(rows.shape) & (rows >= 0))
            for boost, condition in self.boosts
        ]

    def log_factors(self, rows: np.ndarray) -> np.ndarray:
        """The logarithm of the factor of each of the item rows, float64 of their shape; -1 pads."""
        total = np.zeros(rows.shape)
        for boost, applies in self.boosted(rows):
            total += np.log(boost.factor) * applies
        return total

    def arranged(self, rows: Sequence[int], count: int) -> "Arrangement":
        """The first ``count`` places of an answer.

        Pinned items take their places; if there are fewer items, the last ones. The others fill the rest in
        order, except those that would break a limit: they wait until its places are filled. If no other item
        is left for these, the waiting ones fill them in order. Pinned items count towards the limits.

        Args:
            rows: item rows in their order; -1 is no item, and an item counts once.
        """
        order = list(dict.fromkeys(row for row in rows if row >= 0))
        count = min(count, len(order))
        places = self._pinned(order)
        limits = [_Limit(each, self.attributes[each.attribute], count) for each in self.limits]
        for place, row in places.items():
            for limit in limits:
                limit.add(row, place)
        pinned = set(places.values())
        waiting = [row for row in order if row not in pinned]
        held_back: dict[int, list[AtMost]] = {}
        start = 0
        for end in sorted({count, *(limit.among for limit in limits)}):
            free = [place for place in range(start, end) if place not in places]
            active = [limit for limit in limits if limit.among >= end]
            taken, waiting = _filled(waiting, len(free), active, held_back)
            places |= dict(zip(free, taken, strict=True))
            start = end
        return Arrangement([places[place] for place in range(count)], held_back)

    def _pinned(self, order: Sequence[int]) -> dict[int, int]:
        """Item row by place, from 0, of the pinned items that are there."""
        there = set(order)
        pins = sorted((place - 1, row) for row, place in self.pins.items() if row in there)
        places, last = {}, len(order) - 1
        for place, row in reversed(pins):
            places[min(place, last)] = row
            last = min(place, last) - 1
        return places


@dataclass(frozen=True)
class Arrangement:
    """Item ``rows`` by place; and the limits that each item, by row, had to give way to."""

    rows: list[int]
    held_back: dict[int, list[AtMost]]


class _Limit:
    """A limit while places are filled: how often each value was taken in its places."""

    def __init__(self, rule: AtMost, attribute: Attribute, count: int) -> None:
        self.rule, self._attribute = rule, attribute
        self.among = min(rule.among or count, count)
        self._taken: Counter[Any] = Counter()
        self._values: dict[int, set[Any]] = {}

    def is_full_for(self, row: int) -> bool:
        return any(self._taken[value] >= self.rule.count for value in self._of(row))

    def add(self, row: int, place: int = 0) -> None:
        if place < self.among:
            self._taken.update(self._of(row))

    def _of(self, row: int) -> set[Any]:
        if row not in self._values:
            self._values[row] = set(self._attribute.of(row))
        return self._values[row]


def _filled(
    waiting: list[int], count: int, limits: list[_Limit], held_back: dict[int, list[AtMost]]
) -> tuple[list[int], list[int]]:
    """The next ``count`` items that keep the limits, and all others in order."""
    taken: list[int] = []
    left: list[int] = []
    for number, row in enumerate(waiting):
        if len(taken) == count:
            left += waiting[number:]
            break
        full = [limit for limit in limits if limit.is_full_for(row)]
        if full:
            rules = held_back.setdefault(row, [])
            rules += [limit.rule for limit in full if limit.rule not in rules]
            left.append(row)
        else:
            taken.append(row)
            for limit in limits:
                limit.add(row)
    more = count - len(taken)
    for row in left[:more]:
        for limit in limits:
            limit.add(row)
    return taken + left[:more], left[more:]


def with_pins(
    rows: np.ndarray, scores: np.ndarray, pinned: np.ndarray, pinned_scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates [B, C] that include the pinned items [B, P]; -1 and -inf pad both.

    A pinned item that is not among them follows the last one, or, if there is no room, replaces the last
    that is not pinned.
    """
    rows, scores = rows.copy(), scores.copy()
    width = rows.shape[1]
    for user in np.flatnonzero((pinned >= 0).any(axis=1)):
        added = (pinned[user] >= 0) & ~np.isin(pinned[user], rows[user])
        real = np.flatnonzero(rows[user] >= 0)
        loose = real[~np.isin(rows[user][real], pinned[user])]
        overflow = min(max(0, len(real) + int(added.sum()) - width), len(loose))
        kept = np.setdiff1d(real, loose[len(loose) - overflow :])
        for values, more, pad in ((rows, pinned, NO_ROW), (scores, pinned_scores, -np.inf)):
            both = np.concatenate([values[user][kept], more[user][added]])[:width]
            values[user] = pad
            values[user, : len(both)] = both
    return rows, scores


def described(kind: str, rule: Any) -> dict[str, Any]:
    """A rule as explanations show it."""
    shown = {key: value for key, value in asdict(rule).items() if value is not None}
    return {"rule": kind, **shown}
