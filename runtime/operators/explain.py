"""Explain how an answer was made, and why an item is not in it."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..candidates.generators import TWO_TOWER
from ..release import EMBEDDINGS, Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class ExplainConfig(Config):
    #: Whether there is an index; otherwise every item is a candidate.
    retrieves: bool
    #: The candidate generators, by name.
    generators: tuple[str, ...] = (TWO_TOWER,)


class Explain(Operator):
    """``explanation`` [B]: JSON for users whose request asks for it, else the empty string.

    ``{"items": [...], "named": [...]}``. ``items`` describes each item of the answer, best first:
    ``item_id``, ``rank``, ``retrieval_rank``, ``retrieval_score``, ``ranker_rank``, ``ranker_score``,
    ``score``; ranks count from 1; and, with several generators, ``generators``: ``rank`` and ``score`` in
    each one that returned the item. ``named`` describes each of ``explain_item_ids``: ``item_id``,
    ``shown``, those of the above that are known, and ``reason``, with ``detail`` in words: shown,
    unknown_item, seen, excluded, switched_off, filtered, not_retrieved, not_ranked, ranked_below.
    """

    name = "explain"
    stage = "order"
    config_type = ExplainConfig
    config: ExplainConfig

    def __init__(self, config: ExplainConfig, release: Release) -> None:
        super().__init__(config, release)
        self._catalogue = release.catalogue
        self._availability = release.availability
        self._embeddings = release.array(EMBEDDINGS) if config.retrieves else None

    @property
    def inputs(self) -> tuple[str, ...]:
        return (
            "explain",
            "explain_item_ids",
            "candidates_requested",
            "had_rows",
            "excluded_rows",
            "allowed",
            "filter",
            "retrieved_rows",
            "retrieval_scores",
            "candidate_rows",
            "ranker_scores",
            "final_scores",
            "item_rows",
            *(("search_vector",) if self.config.retrieves else ()),
            *(("generator_ranks", "generator_scores") if len(self.config.generators) > 1 else ()),
        )

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (Column("explanation", "object"),)

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        explanation = np.full(len(columns["explain"]), "", dtype=object)
        for user, named in enumerate(columns["explain_item_ids"].tolist()):
            ids = [each for each in named if each is not None]
            if ids or columns["explain"][user]:
                story = _Story(self, {name: columns[name][user] for name in self.inputs})
                explanation[user] = json.dumps(
                    {"items": story.answers(), "named": [story.of(item) for item in ids]},
                    ensure_ascii=False,
                )
        return {"explanation": explanation}

    def rows_and_ids(self, rows: np.ndarray) -> list[tuple[int, str]]:
        real = rows[rows >= 0]
        return list(zip(real.tolist(), self._catalogue.raw_ids(real).tolist(), strict=True))

    def row(self, item: str) -> int:
        return self._catalogue.row(item)

    def is_on(self, row: int) -> bool:
        mask = self._availability.mask()
        return mask is None or bool(mask[row])

    def retrieval_score(self, row: int, search_vector: np.ndarray) -> float:
        assert self._embeddings is not None
        return float(self._embeddings[row] @ search_vector)


class _Story:
    """What happened to the items of one user's request."""

    def __init__(self, explain: Explain, user: dict[str, Any]) -> None:
        self._explain, self._user = explain, user

    def answers(self) -> list[dict[str, Any]]:
        rows = self._explain.rows_and_ids(self._user["item_rows"])
        return [{"item_id": item, **self._facts(row)} for row, item in rows]

    def of(self, item: str) -> dict[str, Any]:
        row = self._explain.row(item)
        if row < 0:
            reason, detail = "unknown_item", "the release has no item with this id"
            return {"item_id": item, "shown": False, "reason": reason, "detail": detail}
        facts = self._facts(row)
        reason, detail = self._reason(row, facts)
        shown = reason == "shown"
        return {"item_id": item, "shown": shown, "reason": reason, "detail": detail, **facts}

    def _facts(self, row: int) -> dict[str, Any]:
        user = self._user
        facts: dict[str, Any] = {
            "rank": _place(user["item_rows"], row),
            "retrieval_rank": _place(user["retrieved_rows"], row),
        }
        if facts["retrieval_rank"]:
            facts["retrieval_score"] = _number(
                user["retrieval_scores"][facts["retrieval_rank"] - 1]
            )
            facts["generators"] = self._generators(facts["retrieval_rank"] - 1)
        candidate = _place(user["candidate_rows"], row)
        if candidate:
            order = np.lexsort((user["candidate_rows"], -user["ranker_scores"]))
            facts["ranker_rank"] = int(np.flatnonzero(order == candidate - 1)[0]) + 1
            facts["ranker_score"] = _number(user["ranker_scores"][candidate - 1])
            facts["score"] = _number(user["final_scores"][candidate - 1])
        return {name: value for name, value in facts.items() if value is not None}

    def _generators(self, place: int) -> dict[str, Any] | None:
        """By name, each generator that returned the item; None if there is only one generator."""
        if "generator_ranks" not in self._user:
            return None
        ranks, scores = self._user["generator_ranks"][place], self._user["generator_scores"][place]
        return {
            name: {"rank": int(rank), "score": _number(score)}
            for name, rank, score in zip(
                self._explain.config.generators, ranks, scores, strict=True
            )
            if rank
        }

    def _reason(self, row: int, facts: dict[str, Any]) -> tuple[str, str]:
        user = self._user
        if "rank" in facts:
            return "shown", f"it is item {facts['rank']} of the answer"
        if row in user["excluded_rows"]:
            return "excluded", "the request excludes it"
        if not user["candidates_requested"] and row in user["had_rows"]:
            return "seen", "the user has already seen it"
        if not self._explain.is_on(row):
            return "switched_off", "it is switched off in the feature store"
        if user["allowed"] is not None and not user["allowed"][row]:
            return "filtered", f"it does not satisfy the filter {user['filter']}"
        if "retrieval_rank" not in facts:
            return "not_retrieved", self._distance(row)
        if "ranker_rank" not in facts:
            ranked = int((user["candidate_rows"] >= 0).sum())
            place = facts["retrieval_rank"]
            return "not_ranked", f"its retrieval rank is {place}; only {ranked} are ranked"
        ranked = int((user["candidate_rows"] >= 0).sum())
        return "ranked_below", f"its ranker rank is {facts['ranker_rank']} of {ranked}"

    def _distance(self, row: int) -> str:
        if "search_vector" not in self._user or self._user["candidates_requested"]:
            return "the request names other items"
        score = self._explain.retrieval_score(row, self._user["search_vector"])
        scores = self._user["retrieval_scores"]
        lowest = scores[np.isfinite(scores)].min(initial=np.inf)
        if len(self._explain.config.generators) > 1:
            return f"no generator returned it; its retrieval score is {score:.4f}"
        return f"its retrieval score is {score:.4f}, and the lowest retrieved is {lowest:.4f}"


def _place(rows: np.ndarray, row: int) -> int | None:
    """The position of the row, from 1; None if it is not there."""
    found = np.flatnonzero(rows == row)
    return int(found[0]) + 1 if len(found) else None


def _number(value: np.floating[Any]) -> float | None:
    """None for an infinity, which JSON cannot express."""
    return float(value) if np.isfinite(value) else None
