"""The candidate sources, each for itself and all together, before any ranker has seen them."""

import numpy as np

from runtime.candidates.generators import TWO_TOWER
from runtime.plan import Trace

#: By the names that reports use: the two-tower model alone, and the unranked blend of all sources.
RETRIEVAL, BLEND = "retrieval", "blend"


def source_lists(trace: Trace, sources: tuple[str, ...], count: int) -> dict[str, np.ndarray]:
    """The ``count`` best candidates by each source and by their blend, int64 [users, count], -1 pads.

    ``retrieval`` is the two-tower model's; that of another source, which may bring nothing for some users, is
    called after it, such as ``linear source``. One that brought nothing for anybody is left out. The blend
    orders candidates by the sum of what the sources say of them, each in standard deviations above its mean
    over the user's candidates; a source that did not bring a candidate says of it what it says of its last.
    One source is its own blend, and has no ``blend``.
    """
    if trace.source_ranks is None or trace.source_scores is None:
        return {RETRIEVAL: trace.candidate_rows[:, :count]}
    users = len(trace.candidate_rows)
    bringing = [
        source for column, source in enumerate(sources) if trace.source_ranks[:, :, column].any()
    ]
    names = [*map(_name, bringing), BLEND]
    lists = {name: np.full((users, count), -1, np.int64) for name in names}
    for user in range(users):
        kept = np.isin(trace.retrieved_rows[user], trace.candidate_rows[user])
        kept &= trace.retrieved_rows[user] >= 0
        rows = trace.retrieved_rows[user][kept]
        ranks, scores = trace.source_ranks[user][kept], trace.source_scores[user][kept]
        total = np.zeros(len(rows))
        for column, source in enumerate(sources):
            brought = ranks[:, column] > 0
            if not brought.any():
                continue
            own = rows[brought][np.argsort(ranks[brought, column], kind="stable")][:count]
            lists[_name(source)][user, : len(own)] = own
            said = np.where(brought, scores[:, column], scores[brought, column].min())
            spread = said.std()
            total += (said - said.mean()) / spread if spread > 0 else 0.0
        best = rows[np.lexsort((rows, -total))][:count]
        lists[BLEND][user, : len(best)] = best
    return lists


def _name(source: str) -> str:
    return RETRIEVAL if source == TWO_TOWER else f"{source} source"
