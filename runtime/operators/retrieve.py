"""Search vector -> candidates from the item index and further generators; or all items."""

from dataclasses import dataclass

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..candidates.generators import TWO_TOWER
from ..candidates.retrieval import CandidateRetrieval, Wanted
from ..release import EMBEDDINGS, Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class RetrieveConfig(Config):
    #: How many candidates must remain after filtering, if the catalogue has that many.
    candidates: int
    #: Whether to rank by the absolute value of the inner product.
    absolute: bool = False
    #: The candidate generators, in the order of their turns.
    generators: tuple[str, ...] = (TWO_TOWER,)


class Retrieve(Operator):
    """``retrieved_rows`` and ``retrieval_scores`` [B, R] (see ``candidates.retrieval``).

    If the request names a user's candidates, they are those and their inner products. The two-tower model
    alone answers a similar-item query (``similar_to``). With several generators there are also
    ``generator_ranks`` and ``generator_scores`` [B, R, generators].
    """

    name = "retrieve"
    stage = "retrieve"
    config_type = RetrieveConfig
    config: RetrieveConfig

    def __init__(self, config: RetrieveConfig, release: Release) -> None:
        super().__init__(config, release)
        self._retrieval = CandidateRetrieval(
            release.index,
            release.array(EMBEDDINGS),
            release.array,
            candidates=config.candidates,
            absolute=config.absolute,
            generators=config.generators,
        )

    @property
    def inputs(self) -> tuple[str, ...]:
        return (
            *("search_vector", "allowed", "seen_rows", "had_rows", "excluded_rows"),
            *("requested_rows", "candidates_requested", "similar_rows"),
        )

    @property
    def outputs(self) -> tuple[Column, ...]:
        generators = len(self.config.generators)
        several = (
            Column("generator_ranks", "int64", (None, generators)),
            Column("generator_scores", "float32", (None, generators)),
        )
        return (
            Column("retrieved_rows", "int64", (None,)),
            Column("retrieval_scores", "float32", (None,)),
            *(several if generators > 1 else ()),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        wanted = Wanted(
            seen_rows=columns["seen_rows"],
            hidden_rows=columns["had_rows"],
            excluded_rows=columns["excluded_rows"],
            allowed=columns["allowed"],
            requested=columns["candidates_requested"],
            requested_rows=columns["requested_rows"],
            two_tower_only=columns["similar_rows"] >= 0,
        )
        found = self._retrieval.retrieve(columns["search_vector"], wanted)
        made = {"retrieved_rows": found.rows, "retrieval_scores": found.scores}
        if found.generator_ranks is not None and found.generator_scores is not None:
            made |= {
                "generator_ranks": found.generator_ranks,
                "generator_scores": found.generator_scores,
            }
        return made


class TakeCatalogue(Operator):
    """``retrieved_rows`` and ``retrieval_scores`` [B, R]: all items, or those that the request names.

    Used instead of ``Retrieve`` for a small catalogue without a retriever; every score is 0.
    """

    name = "take_catalogue"
    stage = "retrieve"

    def __init__(self, config: Config, release: Release) -> None:
        super().__init__(config, release)
        self._size = release.catalogue.size

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("requested_rows", "candidates_requested")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (
            Column("retrieved_rows", "int64", (None,)),
            Column("retrieval_scores", "float32", (None,)),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        requested, named = columns["candidates_requested"], columns["requested_rows"]
        width = named.shape[1] if requested.all() else max(self._size, named.shape[1])
        rows = np.full((len(requested), width), NO_ROW, dtype=np.int64)
        if not requested.all():
            rows[~requested, : self._size] = np.arange(self._size)
        rows[requested, : named.shape[1]] = named[requested]
        scores = np.where(rows < 0, np.float32(-np.inf), np.float32(0))
        return {"retrieved_rows": rows, "retrieval_scores": scores}
