"""What the operators of a release did, counted until somebody takes the counts away."""

import threading
from collections import Counter
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
#: What an operator belongs to (``Operator.stage``), and all of them together.
STAGES = ("look_up", "encode", "query", "retrieve", "filter", "rank", "order", "all")
STAGE_SECONDS = "shortlist_stage_seconds"
#: Upper ends of the histogram's buckets, in seconds.
BUCKETS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0)


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

    def take(self) -> tuple[dict[str, int], list[tuple[str, float]]]:
        """Counts by name and durations by stage since the last time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            durations, self._durations = self._durations, []
        return counts, durations
