"""Raw user values -> model inputs and item rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..candidates.seen import READ, distinct, with_newer
from ..features.codes import OUT_OF_VOCABULARY
from ..release import Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class EncodeUserConfig(Config):
    #: Whether a generator or ranker feature counts how often a user had an item.
    reads_repeats: bool


class EncodeUser(Operator):
    """Encode ids, features and history as the fitted workflow does.

    Makes ``user.NAME`` for id, features and history; and, for each user int64, oldest first: ``seen_rows``
    [B], the rows of the items of the whole history (see ``candidates.seen``); ``recent_rows`` [B], those of
    the newest interactions with their repeats, if anything reads them; and ``had_rows`` [B], those of the
    items that count as seen.
    """

    name = "encode_user"
    stage = "encode"
    config_type = EncodeUserConfig
    config: EncodeUserConfig

    def __init__(self, config: EncodeUserConfig, release: Release) -> None:
        super().__init__(config, release)
        self._encoding = release.encoding
        self._catalogue = release.catalogue

    @property
    def inputs(self) -> tuple[str, ...]:
        features = (f"raw.{name}" for name in self._encoding.user_columns)
        return (
            *("user_id", "known_user", *features, "interactions"),
            *("recorded", "loaded_rows", "had_recorded", "had_loaded_rows"),
        )

    @property
    def outputs(self) -> tuple[Column, ...]:
        encoding = self._encoding
        history = (
            (Column(f"user.{encoding.history_name}", "int64", (encoding.history_length,)),)
            if encoding.history_name
            else ()
        )
        return (
            Column(f"user.{encoding.user.name}", "int64"),
            *(
                Column(f"user.{each.name}", each.array_dtype, each.shape)
                for each in encoding.user_features
            ),
            *history,
            *(Column(name, "object") for name in ("seen_rows", "recent_rows", "had_rows")),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        encoding = self._encoding
        known = columns["known_user"]
        codes = [encoding.user.code(user_id) for user_id in columns["user_id"]]
        encoded = {
            # A user who is not in the store is the unknown user, whatever the id.
            f"user.{encoding.user.name}": np.where(known, codes, OUT_OF_VOCABULARY).astype(np.int64)
        }
        for each in encoding.user_features:
            raw_values = [columns[f"raw.{name}"].tolist() for name in each.columns]
            encoded[f"user.{each.name}"] = each.encode(*raw_values)
        if encoding.history_name:
            history = encoding.encode_history(columns["interactions"].tolist())
            encoded[f"user.{encoding.history_name}"] = history
        users = len(known)
        seen, recent, had = (np.empty(users, dtype=object) for _ in range(3))
        for user, items in enumerate(columns["interactions"]):
            newest = items[-READ:] if self.config.reads_repeats else ()
            rows = np.array(self._catalogue.rows(newest), np.int64)
            recent[user] = rows[rows != NO_ROW]
            of_history = columns["loaded_rows"][user], columns["recorded"][user]
            of_seen = columns["had_loaded_rows"][user], columns["had_recorded"][user]
            seen[user] = had[user] = self._rows(*of_history)
            if any(one is not other for one, other in zip(of_history, of_seen, strict=True)):
                had[user] = self._rows(*of_seen)
        return encoded | {"seen_rows": seen, "recent_rows": recent, "had_rows": had}

    def _rows(self, loaded: np.ndarray, recorded: Sequence[str]) -> np.ndarray:
        """The rows of loaded items, and after them those of recorded ones, each once."""
        rows = self._catalogue.rows(distinct(recorded))
        return with_newer(loaded, rows, self._catalogue.size)
