"""Raw user values -> model inputs and item rows."""

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..candidates.seen import READ, distinct, with_newer
from ..features.codes import OUT_OF_VOCABULARY
from ..release import Release
from .operator import Column, Columns, Config, Operator


class EncodeUser(Operator):
    """Encode ids, features and history as the fitted workflow does.

    Makes ``user.NAME`` for id, features and history; and ``seen_rows`` [B], for each user int64 [S], the
    rows of the items of all interactions (see ``candidates.seen``), and ``recent_rows`` [B], those of the
    newest interactions with their repeats, oldest first.
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
        return ("user_id", "known_user", *features, "interactions", "recorded", "loaded_rows")

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
            Column("seen_rows", "object"),
            Column("recent_rows", "object"),
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
        recent = np.empty(len(known), dtype=object)
        for user, items in enumerate(columns["interactions"]):
            newest = np.array(self._catalogue.rows(items[-READ:]), np.int64)
            recent[user] = newest[newest != NO_ROW]
        seen = np.empty(len(known), dtype=object)
        for user, (loaded, recorded) in enumerate(
            zip(columns["loaded_rows"], columns["recorded"], strict=True)
        ):
            rows = self._catalogue.rows(distinct(recorded))
            seen[user] = with_newer(loaded, rows, self._catalogue.size)
        return encoded | {"seen_rows": seen, "recent_rows": recent}
