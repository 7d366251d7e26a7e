"""The recipe's and the request's rules -> the rules in force for each user."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..errors import RequestError
from ..lists import padded_lists
from ..release import Release
from ..rules.declared import RuleError, Rules
from ..rules.effects import ActiveRules
from .operator import Column, Columns, Config, Operator

#: The checked rules of this many requests are cached: clients repeat the same few.
REMEMBERED = 64


@dataclass(frozen=True)
class ReadRulesConfig(Config):
    #: The recipe's rules (``rules.declared``).
    rules: dict[str, Any]


class ReadRules(Operator):
    """``rules`` [B] -> ``active_rules`` [B]: for each user ``ActiveRules``, or None if there are none.

    A kind of rules that the request has replaces the recipe's rules of that kind. ``pinned_rows`` [B, P]: the
    rows of pinned items, -1 pads.
    """

    name = "read_rules"
    stage = "filter"
    config_type = ReadRulesConfig
    config: ReadRulesConfig

    def __init__(self, config: ReadRulesConfig, release: Release) -> None:
        super().__init__(config, release)
        self._release = release
        self._known: OrderedDict[Rules, ActiveRules] = OrderedDict()
        self._own = self._active({})

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("rules",)

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (Column("active_rules", "object"), Column("pinned_rows", "int64", (None,)))

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        requested = columns["rules"].tolist()
        if self._own is None and not any(requested):
            return self._none(len(requested))
        active = np.full(len(requested), self._own, dtype=object)
        for user, content in enumerate(requested):
            if content:
                active[user] = self._active(content)
        pinned = [list(each.pins) if each is not None else [] for each in active]
        return {
            "active_rules": active,
            "pinned_rows": padded_lists(pinned, np.int64, fill=NO_ROW),
        }

    @staticmethod
    def _none(users: int) -> dict[str, np.ndarray]:
        return {
            "active_rules": np.full(users, None, dtype=object),
            "pinned_rows": np.empty((users, 0), np.int64),
        }

    def _active(self, content: Mapping[str, Any]) -> ActiveRules | None:
        """The rules in force if a request has these; cached, because users share them."""
        try:
            own = Rules.of(content)
        except RuleError as error:
            raise RequestError(f"rules.{error}") from error
        rules = Rules.of({**self.config.rules, **content}) if self.config.rules else own
        if rules == Rules():
            return None
        active = self._known.get(rules)
        if active is None:
            active = ActiveRules.of(rules, self._release.catalogue, self._release.attributes)
            self._known[rules] = active
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(rules)
        return active
