"""The exported plan of a release: its operators in order, each run once per request."""

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
from .request import Answers, Batch, Limits, Request, batch_for, columns
from .request_options import BY_NAME
from .stores.feature_store import FeatureStore

NAME = "plan.json"
FORMAT = 5
#: At most this many users go through the operators at once.
USERS_PER_BATCH = 256


#: The columns of a trace, and what pads them; those of generators are there if there are several.
PADS = {
    "retrieved_rows": -1,
    "candidate_rows": -1,
    "ranker_scores": -np.inf,
    "item_rows": -1,
    "generator_ranks": 0,
    "generator_scores": 0,
}
OF_GENERATORS = ("generator_ranks", "generator_scores")


@dataclass(frozen=True)
class Trace:
    """The items that each stage kept, as item rows by user; -1 pads. See the operators for each column."""

    retrieved_rows: np.ndarray  # int64 [B, R], best retrieval score first
    candidate_rows: np.ndarray  # int64 [B, C], after filtering, best retrieval score first
    ranker_scores: np.ndarray  # float32 [B, C], of candidate_rows
    item_rows: np.ndarray  # int64 [B, K], the answer
    #: Of retrieved_rows, by generator (see ``candidates.retrieval``); None if there is only one.
    generator_ranks: np.ndarray | None = None  # int64 [B, R, S]
    generator_scores: np.ndarray | None = None  # float32 [B, R, S]

    @classmethod
    def joined(cls, parts: "Sequence[Trace]") -> "Trace":
        """Concatenate the users of all parts."""
        found = {name: [getattr(part, name) for part in parts] for name in PADS}
        return cls(
            **{
                name: _stack(arrays, PADS[name])
                for name, arrays in found.items()
                if arrays[0] is not None
            }
        )


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
        #: The candidate generators, by name.
        self.generators: tuple[str, ...] = tuple(graph["generators"])
        self.operators = tuple(operators)
        self._meters = meters
        made = set(BY_NAME)
        for operator in operators:
            missing = set(operator.inputs) - made
            if missing:
                raise ReleaseError(
                    f"{NAME}: expected an operator before {operator.name} that makes "
                    f"{sorted(missing)}, found none; export the release again"
                )
            made |= {column.name for column in operator.outputs}

    def recommend(
        self, users: Sequence[str] | Request | Sequence[Request], **options: Any
    ) -> Answers:
        """The answers for raw user ids with ``options`` (see ``request_options``), or for requests.

        An option is one value for all users, or one per user; a list option is always one list per user.

        Raises:
            RequestError: a request cannot be answered; the message says what was expected and got.
        """
        return self.answer([self.request(users, **options)])[0]

    def score(self, user_ids: Sequence[str], item_ids: Sequence[str]) -> np.ndarray:
        """The served scores of pairs of raw ids, float32 [n]; -inf for an unknown item."""
        if not len(user_ids):
            return np.zeros(0, np.float32)
        requested = [[item] for item in item_ids]
        return self.recommend(user_ids, top_k=1, candidate_item_ids=requested).scores[:, 0]

    def trace(self, user_ids: Sequence[str], **options: Any) -> Trace:
        """The items that each stage kept for these users; arguments and errors as for ``recommend``."""
        names = [name for name in PADS if len(self.generators) > 1 or name not in OF_GENERATORS]
        batches = self._batches(self.request(user_ids, **options), names)
        return Trace.joined([Trace(**batch) for batch in batches])

    def request(self, users: Sequence[str] | Request | Sequence[Request], **options: Any) -> Batch:
        """A checked batch of requests; arguments and errors as for ``recommend``."""
        return self.checked(batch_for(users, **options))

    def checked(self, batch: Batch) -> Batch:
        """The batch, if it can be answered.

        Raises:
            RequestError: it cannot.
        """
        for request in batch:
            self.limits.check(request)
        return batch

    def answer(self, batches: Sequence[Batch]) -> list[Answers]:
        """Answer several batches of requests in one pass.

        Raises:
            RequestError: a request names something that does not exist.
        """
        names = ("item_ids", "scores", "known_user", "degraded", "explanation")
        together = [request for batch in batches for request in batch]
        made = list(self._batches(together, names))
        item_ids = _stack([each["item_ids"] for each in made], "")
        scores = _stack([each["scores"] for each in made], -np.inf)
        of_users = [np.concatenate([each[name] for each in made]) for name in names[2:]]
        answers, start = [], 0
        for batch in batches:
            users = slice(start, start + len(batch))
            width = max(map(self.limits.width, batch))
            known, degraded, explanation = (each[users] for each in of_users)
            answers.append(
                Answers(
                    item_ids[users, :width], scores[users, :width], known, degraded, explanation
                )
            )
            start = users.stop
        return answers

    def columns(self, batch: Batch) -> dict[str, np.ndarray]:
        """The requests as the columns that the first operators read."""
        return columns(batch, self.limits)

    def run(self, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run every operator once; return the root columns and all columns that the operators made."""
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

    def _batches(self, batch: Batch, names: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
        """Some columns of each pass; keeping all columns for many users would fill the memory."""
        for start in range(0, len(batch), USERS_PER_BATCH):
            made = self.run(self.columns(batch[start : start + USERS_PER_BATCH]))
            yield {name: made[name] for name in names}


def read(directory: Path) -> dict[str, Any]:
    """The content of ``plan.json``."""
    content = json.loads((directory / NAME).read_text(encoding="utf-8"))
    if content.get("format") != FORMAT:
        raise ReleaseError(
            f"expected format {FORMAT} in {directory / NAME}, got {content.get('format')} from another "
            "version of shortlist; export the release again"
        )
    return content


def load(directory: Path, store: FeatureStore) -> Plan:
    """Check every file of a release and load it.

    Raises:
        ReleaseError: a file is missing or damaged; the message names it.
    """
    manifest.verify(directory)
    return load_verified(directory, store)


def load_verified(directory: Path, store: FeatureStore, meters: Meters | None = None) -> Plan:
    """Load a release whose files are already checked; ``meters`` count what its operators do."""
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
    """Concatenate arrays [n, width, …] of different widths, padded on the right."""
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
