"""What the operators of a release did, counted until somebody takes the counts away."""

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np

#: Metrics of this project, by name: what a count of one means.
COUNTERS = {
    "shortlist_users_total": "Users that were answered",
    "shortlist_unknown_users_total": "Users that the feature store does not know",
    "shortlist_degraded_users_total": "Users answered as unknown ones because the store failed",
    "shortlist_store_errors_total": "Look-ups that the feature store failed or was too slow for",
    "shortlist_retrieved_total": "Items that were retrieved, before filtering",
    "shortlist_candidates_total": "Items that were ranked, after filtering",
    "shortlist_refused_requests_total": "Requests that could not be answered as they were asked",
    "shortlist_failed_requests_total": "Requests that failed by a fault of the server",
}
#: A histogram by stage as Prometheus knows it, made of counters: Triton's own kind is told each duration by a
#: message, which took a tenth of what an instance could answer.
STAGE_SECONDS = {
    "shortlist_stage_seconds_bucket": "Batches of users that a stage took at most `le` seconds for",
    "shortlist_stage_seconds_sum": "Seconds that a stage took for batches of users",
    "shortlist_stage_seconds_count": "Batches of users that a stage was done for",
}
#: What an operator belongs to (``Operator.stage``), and all of them together.
STAGES = ("look_up", "encode", "query", "retrieve", "filter", "rank", "order", "all")
#: Upper ends of its buckets, in seconds.
BUCKETS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0)
_ENDS = (*map(str, BUCKETS), "+Inf")

#: A metric's name, and its labels but for the release.
Series = tuple[str, tuple[tuple[str, str], ...]]


def all_series() -> list[Series]:
    """Whatever ``Meters.take`` may name."""
    stages = [
        each
        for stage in STAGES
        for each in (
            *(_of_stage("bucket", stage, le=end) for end in _ENDS),
            _of_stage("sum", stage),
            _of_stage("count", stage),
        )
    ]
    return [*((name, ()) for name in COUNTERS), *stages]


class Meters:
    """Counts and durations; one thread adds, another takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._durations: list[tuple[str, float]] = []

    def count(self, name: str, number: int = 1) -> None:
        """Add to one of ``COUNTERS``."""
        with self._lock:
            self._counts[name] += number

    def batch(self, seconds: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> None:
        """A batch of users went through all operators, which took so long by stage."""
        degraded = int(columns["degraded"].sum())
        counts = {
            "shortlist_users_total": len(columns["degraded"]),
            "shortlist_unknown_users_total": int((~columns["known_user"]).sum()) - degraded,
            "shortlist_degraded_users_total": degraded,
            "shortlist_store_errors_total": int(degraded > 0),
            "shortlist_retrieved_total": int((columns["retrieved_rows"] >= 0).sum()),
            "shortlist_candidates_total": int((columns["candidate_rows"] >= 0).sum()),
        }
        with self._lock:
            self._counts.update(counts)
            self._durations += seconds.items()

    def take(self) -> dict[Series, float]:
        """What was added since the last time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            durations, self._durations = self._durations, []
        by_stage: defaultdict[str, list[float]] = defaultdict(list)
        for stage, seconds in durations:
            by_stage[stage].append(seconds)
        taken: dict[Series, float] = {(name, ()): number for name, number in counts.items()}
        for stage, each in by_stage.items():
            buckets = np.searchsorted(BUCKETS, each)
            at_most = np.bincount(buckets, minlength=len(_ENDS)).cumsum()
            taken |= {
                _of_stage("bucket", stage, le=end): int(number)
                for end, number in zip(_ENDS, at_most, strict=True)
                if number
            }
            taken[_of_stage("sum", stage)] = sum(each)
            taken[_of_stage("count", stage)] = len(each)
        return taken


def _of_stage(what: str, stage: str, **labels: str) -> Series:
    return f"shortlist_stage_seconds_{what}", (("stage", stage), *labels.items())
