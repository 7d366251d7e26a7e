"""Items that follow an item in the users' histories: item-to-item links with order and distance.

Sequential rules (M. Ludewig, D. Jannach, "Evaluation of session-based recommendation algorithms", UMUAI
2018): in each history every item leads to the next few, and the weight falls with the distance. Here an item
also leads, with less weight, to those before it, and the weights are normalised like a cosine with the
shrinkage of M. Ferrari Dacrema et al., "Are we really making much progress?", RecSys 2019, so that two rare
items which met once do not rank above items which follow each other often.
"""

import numpy as np
from scipy import sparse

from models.item_models.neighbours import Neighbours, StrongestLinks, blocks
from models.item_models.user_items import degrees, user_items
from models.prepared import Interactions
from recipes.schema.item_models import Transitions
from stages.progress import progress

#: Pairs of positions in a history that are held in memory at once.
PAIRS_AT_ONCE = 5_000_000


def followers(
    interactions: Interactions, users: int, items: int, count: int, options: Transitions
) -> Neighbours:
    """The ``count`` items with the largest weights from each item, largest first, ties by row.

    The sum of ``decay ** (distance - 1)`` over all pairs of positions, times ``backward`` where the other
    item comes first, is divided by sqrt(users of the one * users of the other) + ``shrinkage``. A pair counts
    by the square root of the product of its interactions' weights.
    """
    order = np.argsort(interactions.users, kind="stable")
    history = interactions.at(order)
    of_item = degrees(user_items(interactions, users, items, weighted=True))[1]
    found = StrongestLinks(items, count)
    by_item = np.argsort(history.items, kind="stable")
    ends = np.searchsorted(history.items[by_item], np.arange(items + 1))
    for first, last in progress(
        "transitions between items", blocks(2 * options.reach * ends, PAIRS_AT_ONCE)
    ):
        positions = by_item[ends[first] : ends[last]]
        links = _links(history, positions, first, (last - first, items), options)
        from_each = np.repeat(of_item[first:last], np.diff(links.indptr))
        links.data /= np.sqrt(from_each * of_item[links.indices]) + options.shrinkage
        found.add(first, links)
    return found.neighbours


def _links(
    history: Interactions,
    positions: np.ndarray,
    first: int,
    shape: tuple[int, int],
    options: Transitions,
) -> sparse.csr_matrix:
    """The summed weights from the items at ``positions``, those from row ``first`` on, to all items."""
    weights = history.each_weight
    one, other, weight = [], [], []
    for distance in range(1, options.reach + 1):
        for step, share in ((distance, 1.0), (-distance, options.backward)):
            if not share:
                continue
            there = positions + step
            inside = (there >= 0) & (there < len(history))
            here, there = positions[inside], there[inside]
            same = history.users[here] == history.users[there]
            here, there = here[same], there[same]
            one.append(history.items[here] - first)
            other.append(history.items[there])
            met = np.sqrt(weights[here] * weights[there])
            weight.append(met * np.float32(share * options.decay ** (distance - 1)))
    pairs = (np.concatenate(one), np.concatenate(other))
    return sparse.csr_matrix((np.concatenate(weight), pairs), shape)
