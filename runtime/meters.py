"""Counts and durations of a release's operators, kept until they are taken."""

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np

#: The project's counters by metric name, with what each counts.
COUNTERS = {
    "shortlist_users_total": "Users answered",
    "shortlist_unknown_users_total": "Users not in the feature store",
    "shortlist_degraded_users_total": "Users answered as unknown because the feature store failed",
    "shortlist_store_errors_total": "Look-ups for which the feature store failed or was too slow",
    "shortlist_retrieved_total": "Items retrieved, before filtering",
    "shortlist_candidates_total": "Items ranked, after filtering",
    "shortlist_refused_requests_total": "Requests refused because they cannot be answered as asked",
    "shortlist_failed_requests_total": "Requests that failed through a fault of the server",
}
#: A Prometheus histogram by stage, built from counters: Triton's own histograms need a message per duration,
#: which cost a tenth of an instance's throughput.
STAGE_SECONDS = {
    "shortlist_stage_seconds_bucket": "Batches of users that a stage finished within `le` seconds",
    "shortlist_stage_seconds_sum": "Seconds that a stage spent on batches of users",
    "shortlist_stage_seconds_count": "Batches of users that a stage finished",
}
#: The stages that operators belong to (``Operator.stage``), and all of them together.
STAGES = ("look_up", "encode", "query", "retrieve", "filter", "rank", "order", "all")
#: Upper bounds of the histogram's buckets, in seconds.
BUCKETS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0)
_ENDS = (*map(str, BUCKETS), "+Inf")

#: A metric's name and its labels, except the release.
Series = tuple[str, tuple[tuple[str, str], ...]]


def all_series() -> list[Series]:
    """Every series that ``Meters.take`` may return."""
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
    """Counts and durations; one thread adds to them, another takes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._durations: list[tuple[str, float]] = []

    def count(self, name: str, number: int = 1) -> None:
        """Add to one of ``COUNTERS``."""
        with self._lock:
            self._counts[name] += number

    def batch(self, seconds: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> None:
        """Count a batch of users that went through all operators; ``seconds``: by stage."""
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
        """Return what was added since the last call."""
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
