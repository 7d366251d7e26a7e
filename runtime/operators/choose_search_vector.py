"""The vector to search with: the user's query or an item's embedding."""

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..errors import RequestError
from ..release import EMBEDDINGS, Release
from .operator import Column, Columns, Config, Operator


class ChooseSearchVector(Operator):
    """``query`` [B, d], ``similar_to`` [B] -> ``search_vector`` [B, d] and ``similar_rows`` [B].

    For a similar-item query, ``search_vector`` is that item's embedding and ``similar_rows`` its row;
    otherwise they are the query and -1.
    """

    name = "choose_search_vector"
    stage = "query"

    def __init__(self, config: Config, release: Release) -> None:
        super().__init__(config, release)
        self._catalogue = release.catalogue
        self._embeddings = release.array(EMBEDDINGS)

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("query", "similar_to")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (
            Column("search_vector", "float32", (self._embeddings.shape[1],)),
            Column("similar_rows", "int64"),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        search_vector = columns["query"]
        rows = np.full(len(search_vector), NO_ROW, dtype=np.int64)
        for user, item in enumerate(columns["similar_to"].tolist()):
            if item:
                rows[user] = self._catalogue.row(item)
                if rows[user] < 0:
                    raise RequestError(
                        f"expected similar_to to be an item of this release, got {item[:200]!r}"
                    )
        asked = np.flatnonzero(rows >= 0)
        if len(asked):
            search_vector = search_vector.copy()
            search_vector[asked] = self._embeddings[rows[asked]]
        return {"search_vector": search_vector, "similar_rows": rows}
