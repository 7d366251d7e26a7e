"""User id -> the user's record in the feature store."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..candidates.seen import unpacked
from ..errors import StoreError
from ..release import Release
from ..stores.feature_store import UserRecord
from .operator import Column, Columns, Config, Operator

_NOTHING = UserRecord({}, ())
_OF_RECORDS = ("interactions", "recorded", "loaded_rows", "had_recorded", "had_loaded_rows")


@dataclass(frozen=True)
class LookUpUserConfig(Config):
    #: Raw columns of the users table to read.
    features: tuple[str, ...]
    #: The version of the records in the store that the release reads.
    records: str
    #: The kinds of recorded events that are part of the history, and those after which an item is seen;
    #: None: all kinds.
    history_kinds: tuple[str, ...] | None = None
    seen_kinds: tuple[str, ...] | None = None


class LookUpUser(Operator):
    """``user_id``, ``user_features`` -> ``known_user``, ``degraded``, ``raw.NAME`` per feature and, [B] of
    lists, ``interactions``, ``recorded``, ``loaded_rows``, ``had_recorded`` and ``had_loaded_rows``.

    Interactions are the newest ones of the history, oldest first; those of recorded events alone are
    ``recorded``. The loaded rows, int64, are of the items of all loaded interactions (``candidates.seen``).
    ``had_recorded`` and ``had_loaded_rows`` are the same of what counts as seen: mostly they are the very
    same objects. The request's features override those of the store. An unknown user has nulls for the other
    features and no interactions. If the store fails, every user is treated as unknown and marked as
    ``degraded``.
    """

    name = "look_up_user"
    stage = "look_up"
    config_type = LookUpUserConfig
    config: LookUpUserConfig

    def __init__(self, config: LookUpUserConfig, release: Release) -> None:
        super().__init__(config, release)
        self._store = release.store

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("user_id", "user_features")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (
            Column("known_user", "bool"),
            Column("degraded", "bool"),
            *(Column(f"raw.{name}", "object") for name in self.config.features),
            *(Column(name, "object") for name in _OF_RECORDS),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        users = columns["user_id"].tolist()
        records: list[UserRecord | None]
        try:
            records, degraded = self._store.get_many(users, self.config.records), False
        except StoreError:
            # A poorer answer is better than none.
            records, degraded = [None] * len(users), True
        found: dict[str, np.ndarray] = {
            "known_user": np.array([record is not None for record in records], dtype=bool),
            "degraded": np.full(len(users), degraded),
        }
        features = [
            {**record.features, **given} if record else given
            for record, given in zip(records, columns["user_features"].tolist(), strict=True)
        ]
        for name in self.config.features:
            found[f"raw.{name}"] = values = np.empty(len(records), dtype=object)
            for row, each in enumerate(features):
                values[row] = each.get(name)
        for name in _OF_RECORDS:
            found[name] = np.empty(len(records), dtype=object)
        for row, record in enumerate(records):
            for name, value in zip(_OF_RECORDS, self._read(record or _NOTHING), strict=True):
                found[name][row] = value
        return found

    def _read(self, record: UserRecord) -> tuple[Sequence[str] | np.ndarray, ...]:
        """The values of ``_OF_RECORDS``."""
        of_history, of_seen = self.config.history_kinds, self.config.seen_kinds
        recorded = had_recorded = record.of_events(of_history)
        if of_seen != of_history:
            had_recorded = record.of_events(of_seen)
        rows = had_rows = unpacked(record.seen)
        if record.had is not None:
            had_rows = unpacked(record.had)
        interactions = record.interactions
        if len(recorded) != record.recorded:
            interactions = [*record.loaded, *recorded]
        return interactions, recorded, rows, had_recorded, had_rows
