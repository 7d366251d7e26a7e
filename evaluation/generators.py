"""The candidate generators, each for itself and all together, before any ranker has seen them."""

import numpy as np

from runtime.candidates.best import best
from runtime.candidates.generators import TWO_TOWER
from runtime.candidates.z_scores import z_scores
from runtime.plan import Trace

#: By the names that reports use: the two-tower model alone, and the unranked blend of all generators.
RETRIEVAL, BLEND = "retrieval", "blend"


def generator_lists(trace: Trace, generators: tuple[str, ...], count: int) -> dict[str, np.ndarray]:
    """The ``count`` best candidates by each generator and by their blend, int64 [users, count], -1 pads.

    ``retrieval`` is the two-tower model's; that of another generator, which may bring nothing for some users,
    is called after it, such as ``linear generator``. One that brought nothing for any user is left out. The
    blend orders candidates by the sum of the generators' scores, each as its z-score over the user's
    candidates; a generator that did not bring a candidate scores it like its last. A single generator is its
    own blend, and has no ``blend``.
    """
    if trace.generator_ranks is None or trace.generator_scores is None:
        return {RETRIEVAL: trace.candidate_rows[:, :count]}
    users = len(trace.candidate_rows)
    bringing = [
        name for column, name in enumerate(generators) if trace.generator_ranks[:, :, column].any()
    ]
    names = [*map(_name, bringing), BLEND]
    lists = {name: np.full((users, count), -1, np.int64) for name in names}
    for user in range(users):
        kept = np.isin(trace.retrieved_rows[user], trace.candidate_rows[user])
        kept &= trace.retrieved_rows[user] >= 0
        rows = np.sort(trace.retrieved_rows[user][kept])
        order = np.argsort(trace.retrieved_rows[user][kept])
        ranks = trace.generator_ranks[user][kept][order]
        scores = trace.generator_scores[user][kept][order]
        total = np.zeros(len(rows))
        for column, name in enumerate(generators):
            brought = ranks[:, column] > 0
            if not brought.any():
                continue
            own = rows[brought][np.argsort(ranks[brought, column], kind="stable")][:count]
            lists[_name(name)][user, : len(own)] = own
            said = np.where(brought, scores[:, column], scores[brought, column].min())
            total += z_scores(said, np.ones(len(said), bool))
        chosen = rows[best(total, count)]
        lists[BLEND][user, : len(chosen)] = chosen
    return lists


def _name(generator: str) -> str:
    return RETRIEVAL if generator == TWO_TOWER else f"{generator} generator"
