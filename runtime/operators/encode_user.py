"""Raw user values -> model inputs and item rows."""

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..features.codes import OUT_OF_VOCABULARY
from ..lists import padded_lists
from ..release import Release
from .operator import Column, Columns, Config, Operator


class EncodeUser(Operator):
    """Encode ids, features and history as the fitted workflow does.

    Makes ``user.NAME`` for id, features and history; ``seen_rows`` [B, S], the item row of every
    interaction of the history; and ``had_rows`` [B, T], that of every item that counts as seen. Padding and
    items that are not in the catalogue are -1.
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
        return ("user_id", "known_user", *features, "raw.interactions", "raw.seen")

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
            Column("had_rows", "int64", (None,)),
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
        interactions = _without_padding(columns["raw.interactions"])
        if encoding.history_name:
            encoded[f"user.{encoding.history_name}"] = encoding.encode_history(interactions)
        encoded["seen_rows"] = encoded["had_rows"] = self._rows(interactions)
        if columns["raw.seen"] is not columns["raw.interactions"]:  # mostly they are the same
            encoded["had_rows"] = self._rows(_without_padding(columns["raw.seen"]))
        return encoded

    def _rows(self, items: list[list[str]]) -> np.ndarray:
        """Item rows [B, S]."""
        return padded_lists([self._catalogue.rows(each) for each in items], np.int64, fill=NO_ROW)


def _without_padding(raw: np.ndarray) -> list[list[str]]:
    return [[item for item in row if item is not None] for row in raw.tolist()]
