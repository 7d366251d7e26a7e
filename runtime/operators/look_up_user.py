"""User id -> the user's record in the feature store."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..candidates.seen import unpacked
from ..errors import StoreError
from ..release import Release
from ..stores.feature_store import UserRecord
from .operator import Column, Columns, Config, Operator

_NOTHING = UserRecord({}, ())
_OF_RECORDS: dict[str, Callable[[UserRecord], Any]] = {
    "interactions": lambda record: record.interactions,
    "recorded": lambda record: record.interactions[len(record.loaded) :],
    "loaded_rows": lambda record: unpacked(record.seen),
}


@dataclass(frozen=True)
class LookUpUserConfig(Config):
    #: Raw columns of the users table to read.
    features: tuple[str, ...]
    #: The version of the records in the store that the release reads.
    records: str


class LookUpUser(Operator):
    """``user_id``, ``user_features`` -> ``known_user``, ``degraded``, ``raw.NAME`` per feature and
    ``interactions``, ``recorded`` and ``loaded_rows`` [B], of lists.

    Interactions are the newest ones, oldest first; those of recorded events alone are ``recorded``. The
    loaded rows, int64, are of the items of all loaded interactions (``candidates.seen``). The request's
    features override those of the store. An unknown user has nulls for the other features and no
    interactions. If the store fails, every user is treated as unknown and marked as ``degraded``.
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
        for name, of in _OF_RECORDS.items():
            found[name] = values = np.empty(len(records), dtype=object)
            for row, record in enumerate(records):
                values[row] = of(record or _NOTHING)
        return found
