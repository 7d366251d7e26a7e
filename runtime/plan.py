"""The exported plan of a release: its operators in order, each run once a request."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import manifest
from .errors import ReleaseError
from .meters import STAGES, Meters
from .operators import OPERATORS, Operator
from .release import Release
from .request import INPUTS, Answers, Limits, Request, columns, questions
from .stores.feature_store import FeatureStore

NAME = "plan.json"
FORMAT = 2
#: Users that go through the operators at once, where more are asked for.
USERS_PER_BATCH = 256


@dataclass(frozen=True)
class Trace:
    """What each stage kept, as item rows by user; -1 pads. See the operators for each column."""

    retrieved_rows: np.ndarray  # int64 [B, R], best retrieval score first
    candidate_rows: np.ndarray  # int64 [B, C], after filtering, best retrieval score first
    ranker_scores: np.ndarray  # float32 [B, C], of candidate_rows
    item_rows: np.ndarray  # int64 [B, K], the answer
    #: Of retrieved_rows, by source (see ``Retrieve``); None where there is but one source.
    source_ranks: np.ndarray | None = None  # int64 [B, R, S]
    source_scores: np.ndarray | None = None  # float32 [B, R, S]


class Plan:
    """A loaded release, ready to answer."""

    def __init__(
        self,
        settings: dict[str, Any],
        operators: Sequence[Operator],
        meters: Meters | None = None,
    ) -> None:
        graph = settings["graph"]
        self.limits = Limits(
            top_k=settings["top_k"],
            candidates=settings["candidates"],
            user_features=graph["user_features"],
            retrieves=graph["retrieves"],
        )
        #: What brings candidates, by name.
        self.sources: tuple[str, ...] = tuple(graph.get("sources", ()))
        self.operators = tuple(operators)
        self._meters = meters
        made = set(INPUTS)
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
        exclude_item_ids: Sequence[Sequence[str]] | None = None,
        **options: Any,
    ) -> Answers:
        """The answers for raw user ids.

        Args:
            options: every other field of ``Question``; one value for all users, or one for each.

        Raises:
            RequestError: it cannot be answered; says what was expected and what came.
        """
        return self.answer([self.request(user_ids, top_k, exclude_item_ids, **options)])[0]

    def score(self, user_ids: Sequence[str], item_ids: Sequence[str]) -> np.ndarray:
        """The served scores of pairs of raw ids, float32 [n]; -inf for an item nobody knows."""
        if not len(user_ids):
            return np.zeros(0, np.float32)
        return self.recommend(user_ids, 1, candidate_item_ids=[[item] for item in item_ids]).scores[
            :, 0
        ]

    def trace(self, user_ids: Sequence[str], top_k: int | Sequence[int] | None = None) -> Trace:
        """What each stage kept for these users; arguments and errors as ``recommend``."""
        names = ["retrieved_rows", "candidate_rows", "ranker_scores", "item_rows"]
        several = len(self.sources) > 1
        names += ["source_ranks", "source_scores"] if several else []
        batches = list(self._batches(self.request(user_ids, top_k), names))
        return Trace(
            retrieved_rows=_stack([batch["retrieved_rows"] for batch in batches], -1),
            candidate_rows=_stack([batch["candidate_rows"] for batch in batches], -1),
            ranker_scores=_stack([batch["ranker_scores"] for batch in batches], -np.inf),
            item_rows=_stack([batch["item_rows"] for batch in batches], -1),
            source_ranks=_stack([batch["source_ranks"] for batch in batches], 0)
            if several
            else None,
            source_scores=_stack([batch["source_scores"] for batch in batches], 0)
            if several
            else None,
        )

    def request(
        self,
        user_ids: Sequence[str],
        top_k: int | Sequence[int] | None = None,
        exclude_item_ids: Sequence[Sequence[str]] | None = None,
        **options: Any,
    ) -> Request:
        """A checked request; arguments and errors as ``recommend``."""
        asked = questions(user_ids, top_k=top_k, exclude_item_ids=exclude_item_ids, **options)
        return self.checked(asked)

    def checked(self, request: Request) -> Request:
        """The request, if it can be answered.

        Raises:
            RequestError: it cannot.
        """
        for question in request:
            self.limits.check(question)
        return request

    def answer(self, requests: Sequence[Request]) -> list[Answers]:
        """Answer several requests in one pass.

        Raises:
            RequestError: one of them names what there is not.
        """
        names = ("item_ids", "scores", "known_user", "degraded", "explanation")
        together = [question for request in requests for question in request]
        batches = list(self._batches(together, names))
        item_ids = _stack([batch["item_ids"] for batch in batches], "")
        scores = _stack([batch["scores"] for batch in batches], -np.inf)
        of_users = [
            np.concatenate([batch[name] for batch in batches])
            for name in ("known_user", "degraded", "explanation")
        ]
        answers, start = [], 0
        for request in requests:
            users = slice(start, start + len(request))
            width = max(map(self.limits.width, request))
            known, degraded, explanation = (each[users] for each in of_users)
            answers.append(
                Answers(
                    item_ids[users, :width], scores[users, :width], known, degraded, explanation
                )
            )
            start = users.stop
        return answers

    def columns(self, request: Request) -> dict[str, np.ndarray]:
        """The request as the columns that the first operators read."""
        return columns(request, self.limits)

    def run(self, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run every operator once; returns the root columns and all that the operators made."""
        columns = dict(columns)
        began = ended = time.perf_counter()
        seconds = dict.fromkeys(STAGES, 0.0)
        for operator in self.operators:
            columns |= operator.run(columns)
            last, ended = ended, time.perf_counter()
            seconds[operator.stage] += ended - last
        if self._meters is not None:
            self._meters.batch(seconds | {"all": ended - began}, columns)
        return columns

    def _batches(self, request: Request, names: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
        """Some columns of each batch: all that the operators make, kept for many users, fills memory."""
        for start in range(0, len(request), USERS_PER_BATCH):
            made = self.run(self.columns(request[start : start + USERS_PER_BATCH]))
            yield {name: made[name] for name in names}


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


def load_verified(directory: Path, store: FeatureStore, meters: Meters | None = None) -> Plan:
    """Load a release whose files have been checked already; ``meters`` are told what it does."""
    settings = read(directory)
    release = Release(directory, store)
    return Plan(settings, [_operator(node, release) for node in settings["nodes"]], meters)


def _operator(node: dict[str, Any], release: Release) -> Operator:
    operator = OPERATORS[node["operator"]]
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in node["config"].items()
    }
    return operator(operator.config_type(**values), release)


def _stack(parts: Sequence[np.ndarray], fill: object) -> np.ndarray:
    """Arrays [n, width, …] of different widths, one below the other, padded on the right."""
    if len(parts) == 1:
        return parts[0]
    widest = max(part.shape[1] for part in parts)
    return np.concatenate(
        [
            np.pad(  # type: ignore[call-overload]
                part,
                ((0, 0), (0, widest - part.shape[1]), *[(0, 0)] * (part.ndim - 2)),
                constant_values=fill,
            )
            for part in parts
        ]
    )
