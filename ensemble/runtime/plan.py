"""The exported plan of a release: its operators in order, each run once a request."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import manifest
from .errors import ReleaseError
from .feature_store import FeatureStore
from .operators import OPERATORS, Operator
from .release import Release
from .request import Answers, Request, together

NAME = "plan.json"
FORMAT = 1
#: Columns that a request brings; every other column is made by an operator.
ROOTS = ("user_id", "top_k", "exclude_item_ids", "candidate_item_ids")
#: Users that go through the operators at once, where more are asked for.
USERS_PER_BATCH = 256


@dataclass(frozen=True)
class Trace:
    """What each stage kept, as item rows by user; -1 pads. See the operators for each column."""

    retrieved_rows: np.ndarray  # int64 [B, R], best retrieval score first
    candidate_rows: np.ndarray  # int64 [B, C], after filtering, best retrieval score first
    ranker_scores: np.ndarray  # float32 [B, C], of candidate_rows
    item_rows: np.ndarray  # int64 [B, K], the answer


class Plan:
    """A loaded release, ready to answer."""

    def __init__(self, settings: dict[str, Any], operators: Sequence[Operator]) -> None:
        self.candidates: int = settings["candidates"]
        self.top_k: int = settings["top_k"]
        self.operators = tuple(operators)
        made = set(ROOTS)
        for operator in operators:
            missing = set(operator.inputs) - made
            if missing:
                raise ReleaseError(
                    f"{NAME}: {operator.name} reads {sorted(missing)}, which nothing makes before"
                )
            made |= {column.name for column in operator.outputs}

    def recommend(
        self,
        user_ids: Sequence[str],
        top_k: int | Sequence[int] | None = None,
        exclude: Sequence[Sequence[str]] | None = None,
        candidates: Sequence[Sequence[str]] | None = None,
    ) -> Answers:
        """The answers for raw user ids; ``top_k`` and the others (raw item ids) per user.

        ``candidates``: score these instead of what would be retrieved, seen ones too.

        Raises:
            RequestError: no user, or ``top_k`` out of 1..candidates.
        """
        return self.answer([self.request(user_ids, top_k, exclude, candidates)])[0]

    def score(self, user_ids: Sequence[str], item_ids: Sequence[str]) -> np.ndarray:
        """The served scores of pairs of raw ids, float32 [n]; -inf for an item nobody knows."""
        if not len(user_ids):
            return np.zeros(0, np.float32)
        return self.recommend(user_ids, 1, candidates=[[item] for item in item_ids]).scores[:, 0]

    def trace(
        self,
        user_ids: Sequence[str],
        top_k: int | Sequence[int] | None = None,
        exclude: Sequence[Sequence[str]] | None = None,
    ) -> Trace:
        """What each stage kept for these users; arguments and errors as ``recommend``."""
        names = ("retrieved_rows", "candidate_rows", "ranker_scores", "item_rows")
        batches = list(self._batches(self.request(user_ids, top_k, exclude), names))
        return Trace(
            retrieved_rows=_stack([batch["retrieved_rows"] for batch in batches], -1),
            candidate_rows=_stack([batch["candidate_rows"] for batch in batches], -1),
            ranker_scores=_stack([batch["ranker_scores"] for batch in batches], -np.inf),
            item_rows=_stack([batch["item_rows"] for batch in batches], -1),
        )

    def request(
        self,
        user_ids: Sequence[str],
        top_k: int | Sequence[int] | None = None,
        exclude: Sequence[Sequence[str]] | None = None,
        candidates: Sequence[Sequence[str]] | None = None,
    ) -> Request:
        """A checked request, with this release's defaults."""
        return Request.of(user_ids, top_k, exclude, candidates, self.top_k, self.candidates)

    def answer(self, requests: Sequence[Request]) -> list[Answers]:
        """Answer several requests in one pass."""
        names = ("item_ids", "scores", "known_user")
        batches = list(self._batches(together(requests), names))
        item_ids = _stack([batch["item_ids"] for batch in batches], "")
        scores = _stack([batch["scores"] for batch in batches], -np.inf)
        known = np.concatenate([batch["known_user"] for batch in batches])
        answers, start = [], 0
        for request in requests:
            users = slice(start, start + len(request.user_ids))
            width = max(request.top_k)
            answers.append(Answers(item_ids[users, :width], scores[users, :width], known[users]))
            start = users.stop
        return answers

    def run(self, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run every operator once; returns the root columns and all that the operators made."""
        columns = dict(columns)
        for operator in self.operators:
            columns |= operator.run(columns)
        return columns

    def _batches(self, request: Request, names: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
        """Some columns of each batch: all that the operators make, kept for many users, fills memory."""
        for start in range(0, len(request.user_ids), USERS_PER_BATCH):
            part = slice(start, start + USERS_PER_BATCH)
            users = Request(
                request.user_ids[part],
                request.top_k[part],
                request.exclude_item_ids[part],
                request.candidate_item_ids[part],
            )
            columns = self.run(users.columns())
            yield {name: columns[name] for name in names}


def read(directory: Path) -> dict[str, Any]:
    """The content of ``plan.json``."""
    content = json.loads((directory / NAME).read_text(encoding="utf-8"))
    if content.get("format") != FORMAT:
        raise ReleaseError(
            f"{directory / NAME} has format {content.get('format')}; this code reads {FORMAT}"
        )
    return content


def load(directory: Path, store: FeatureStore) -> Plan:
    """Check every file of a release and load it.

    Raises:
        ReleaseError: naming a file that is missing or damaged.
    """
    manifest.verify(directory)
    return load_verified(directory, store)


def load_verified(directory: Path, store: FeatureStore) -> Plan:
    """Load a release whose files have been checked already."""
    settings = read(directory)
    release = Release(directory, store)
    return Plan(settings, [_operator(node, release) for node in settings["nodes"]])


def _operator(node: dict[str, Any], release: Release) -> Operator:
    operator = OPERATORS[node["operator"]]
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in node["config"].items()
    }
    return operator(operator.config_type(**values), release)


def _stack(parts: Sequence[np.ndarray], fill: object) -> np.ndarray:
    """Matrices of different widths, one below the other, padded on the right."""
    if len(parts) == 1:
        return parts[0]
    widest = max(part.shape[1] for part in parts)
    return np.concatenate(
        [
            np.pad(part, ((0, 0), (0, widest - part.shape[1])), constant_values=fill)  # type: ignore[call-overload]
            for part in parts
        ]
    )
