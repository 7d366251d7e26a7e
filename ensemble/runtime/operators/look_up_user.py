"""User id -> what the feature store knows."""

from dataclasses import dataclass

import numpy as np

from ..release import Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class LookUpUserConfig(Config):
    #: Raw columns of the users table to read.
    features: tuple[str, ...]


class LookUpUser(Operator):
    """``user_id`` -> ``known_user``, ``raw.NAME`` per feature, ``raw.interactions`` [B, S].

    Interactions stand oldest first, padded with None.

    A user that the store does not know has nulls for features and no interactions.
    """

    name = "look_up_user"
    config_type = LookUpUserConfig
    config: LookUpUserConfig

    def __init__(self, config: LookUpUserConfig, release: Release) -> None:
        super().__init__(config, release)
        self._store = release.store

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("user_id",)

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (
            Column("known_user", "bool"),
            *(Column(f"raw.{name}", "object") for name in self.config.features),
            Column("raw.interactions", "object", (None,)),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        records = self._store.get_many(columns["user_id"].tolist())
        found: dict[str, np.ndarray] = {
            "known_user": np.array([record is not None for record in records], dtype=bool)
        }
        for name in self.config.features:
            values = np.empty(len(records), dtype=object)
            for row, record in enumerate(records):
                values[row] = record.features.get(name) if record else None
            found[f"raw.{name}"] = values
        longest = max((len(record.interactions) for record in records if record), default=0)
        interactions = np.full((len(records), longest), None, dtype=object)
        for row, record in enumerate(records):
            if record:
                interactions[row, : len(record.interactions)] = record.interactions
        found["raw.interactions"] = interactions
        return found
