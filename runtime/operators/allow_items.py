"""What a user had -> the items that are hidden; conditions and switches -> those that may be shown."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from ..candidates.exclusion import Exclude, hidden_rows
from ..candidates.item_filter import matching
from ..release import Release
from .operator import Column, Columns, Config, Operator

#: The masks of this many conditions are cached: clients repeat the same few.
REMEMBERED = 64


@dataclass(frozen=True)
class HideSeenConfig(Config):
    #: Which of the items that a user had are hidden, as in the recipe.
    exclude: Exclude


class HideSeen(Operator):
    """``had_rows`` [B], the items that count as seen -> ``hidden_rows`` [B], for each user int64 [H].

    Nothing is hidden if the request includes seen items (``include_seen``) or names the candidates.
    """

    name = "hide_seen"
    stage = "filter"
    config_type = HideSeenConfig
    config: HideSeenConfig

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("had_rows", "include_seen", "candidates_requested")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (Column("hidden_rows", "object"),)

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        everything = columns["include_seen"] | columns["candidates_requested"]
        hidden = np.empty(len(everything), dtype=object)
        for user, had in enumerate(columns["had_rows"]):
            hidden[user] = hidden_rows(had, () if everything[user] else self.config.exclude)
        return {"hidden_rows": hidden}


class AllowItems(Operator):
    """``filter`` [B] -> ``allowed`` [B]: for each user a bool [items], or None if all items are allowed.

    Items that are switched off in the feature store are allowed for no user.
    """

    name = "allow_items"
    stage = "filter"

    def __init__(self, config: Config, release: Release) -> None:
        super().__init__(config, release)
        self._availability = release.availability
        self._attributes = release.attributes
        self._masks: OrderedDict[str, np.ndarray] = OrderedDict()

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("filter",)

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (Column("allowed", "object"),)

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        available = self._availability.mask()
        allowed = np.empty(len(columns["filter"]), dtype=object)
        for user, text in enumerate(columns["filter"].tolist()):
            allowed[user] = available
            if text and not text.isspace():
                mask = self._mask(text)
                allowed[user] = mask if available is None else mask & available
        return {"allowed": allowed}

    def _mask(self, text: str) -> np.ndarray:
        mask = self._masks.get(text)
        if mask is None:
            mask = self._masks[text] = matching(text, self._attributes)
            if len(self._masks) > REMEMBERED:
                self._masks.popitem(last=False)
        self._masks.move_to_end(text)
        return mask
