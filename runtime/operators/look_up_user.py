"""User id -> the user's record in the feature store."""

from dataclasses import dataclass

import numpy as np

from ..errors import StoreError
from ..lists import padded_lists
from ..release import Release
from ..stores.feature_store import UserRecord
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class LookUpUserConfig(Config):
    #: Raw columns of the users table to read.
    features: tuple[str, ...]
    #: The kinds of recorded events that are part of the history, and those after which an item is seen;
    #: None: all kinds.
    history_kinds: tuple[str, ...] | None = None
    seen_kinds: tuple[str, ...] | None = None


class LookUpUser(Operator):
    """``user_id``, ``user_features`` -> ``known_user``, ``degraded``, ``raw.NAME`` per feature,
    ``raw.interactions`` [B, S] and ``raw.seen`` [B, T].

    The interactions are those of the history, oldest first. Both are padded with None. The request's
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
            Column("raw.interactions", "object", (None,)),
            Column("raw.seen", "object", (None,)),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        users = columns["user_id"].tolist()
        records: list[UserRecord | None]
        try:
            records, degraded = self._store.get_many(users), False
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
        of_history, of_seen = self.config.history_kinds, self.config.seen_kinds
        history = [record.history(of_history) if record else () for record in records]
        found["raw.interactions"] = found["raw.seen"] = padded_lists(history, object, fill=None)
        if of_seen != of_history or any(
            record and record.loaded_seen is not None for record in records
        ):
            seen = [record.seen(of_seen) if record else () for record in records]
            found["raw.seen"] = padded_lists(seen, object, fill=None)
        return found
