"""Raw user values -> model inputs and item rows."""

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..features.codes import OUT_OF_VOCABULARY
from ..lists import padded_lists
from ..release import Release
from .operator import Column, Columns, Config, Operator


class EncodeUser(Operator):
    """Encode ids, features and history as the fitted workflow does.

    Makes ``user.NAME`` for id, features and history; and ``seen_rows`` [B, S], the item row of every
    interaction, -1 for padding and for items that are not in the catalogue.
    """

    name = "encode_user"
    stage = "encode"

    def __init__(self, config: Config, release: Release) -> None:
        super().__init__(config, release)
        self._encoding = release.encoding
        self._catalogue = release.catalogue

    @property
    def inputs(self) -> tuple[str, ...]:
        features = (f"raw.{name}" for name in self._encoding.user_columns)
        return ("user_id", "known_user", *features, "interactions")

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
            Column("seen_rows", "int64", (None,)),
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
        raw = columns["interactions"]
        interactions = [[item for item in row if item is not None] for row in raw.tolist()]
        if encoding.history_name:
            encoded[f"user.{encoding.history_name}"] = encoding.encode_history(interactions)
        rows = [self._catalogue.rows(items) for items in interactions]
        return encoded | {"seen_rows": padded_lists(rows, np.int64, raw.shape[1], NO_ROW)}
