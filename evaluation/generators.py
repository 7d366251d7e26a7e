"""The lists of each candidate generator and of all together, before ranking."""

import numpy as np

from runtime.candidates.best import best
from runtime.candidates.generators import TWO_TOWER
from runtime.candidates.z_scores import z_scores
from runtime.plan import Trace

#: Names in reports: the two-tower model alone, and the unranked blend of all generators.
RETRIEVAL, BLEND = "retrieval", "blend"


def generator_lists(trace: Trace, generators: tuple[str, ...], count: int) -> dict[str, np.ndarray]:
    """Return the ``count`` best candidates by generator and of their blend, int64 [users, count], -1 pads.

    ``retrieval`` is the two-tower model's list. The list of another generator, which may be empty for
    some users, is named after it, such as ``linear generator``; a generator that returned nothing for any
    user is left out. The blend orders candidates by the sum of the generators' scores, each as its
    z-score within the user's list; a candidate that a generator did not return gets the score of that
    generator's last. A single generator is its own blend, and has no ``blend``.
    """
    if trace.generator_ranks is None or trace.generator_scores is None:
        return {RETRIEVAL: trace.candidate_rows[:, :count]}
    users = len(trace.candidate_rows)
    active = [
        name for column, name in enumerate(generators) if trace.generator_ranks[:, :, column].any()
    ]
    names = [*map(_name, active), BLEND]
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
            returned = ranks[:, column] > 0
            if not returned.any():
                continue
            own = rows[returned][np.argsort(ranks[returned, column], kind="stable")][:count]
            lists[_name(name)][user, : len(own)] = own
            filled = np.where(returned, scores[:, column], scores[returned, column].min())
            total += z_scores(filled, np.ones(len(filled), bool))
        chosen = rows[best(total, count)]
        lists[BLEND][user, : len(chosen)] = chosen
    return lists


def _name(generator: str) -> str:
    return RETRIEVAL if generator == TWO_TOWER else f"{generator} generator"
