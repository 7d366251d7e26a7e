"""Related items, found by the links from an item to its users and on to their items."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.item_models.user_items import degrees, user_items, weighted_pairs
from models.prepared import Interactions

#: Items whose links are held in memory at once.
ITEMS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Neighbours:
    """``rows`` int64 and ``weights`` float32, both [items, count], padded with -1 and 0."""

    rows: np.ndarray
    weights: np.ndarray


class StrongestLinks:
    """Collects the ``count`` strongest links of each item, a block of items at a time."""

    def __init__(self, items: int, count: int) -> None:
        rows = np.full((items, min(count, items)), -1, np.int64)
        self.neighbours = Neighbours(rows, np.zeros(rows.shape, np.float32))

    def add(self, start: int, links: sparse.csr_matrix) -> None:
        """The links of items ``start`` and after to all items, [n, items]; those to itself are left out."""
        rows, weights = self.neighbours.rows, self.neighbours.weights
        first, second, weight = sparse.find(links)
        other = start + first != second
        first, second, weight = first[other], second[other], weight[other].astype(np.float32)
        order = np.lexsort((second, -weight, first))
        first, second, weight = first[order], second[order], weight[order]
        place = np.arange(len(first)) - np.searchsorted(first, first)
        kept = place < rows.shape[1]
        rows[start + first[kept], place[kept]] = second[kept]
        weights[start + first[kept], place[kept]] = weight[kept]


def item_neighbours(interactions: Interactions, users: int, items: int, count: int) -> Neighbours:
    """The ``count`` items most similar to each item, by cosine over users.

    Item-based collaborative filtering (Sarwar et al., WWW 2001). Similarity of two items: users of both /
    sqrt(users of one * users of the other).
    """
    return linked_items(
        interactions, users, items, count, user_power=0.0, from_power=0.5, to_power=0.5
    )


def linked_items(
    interactions: Interactions,
    users: int,
    items: int,
    count: int,
    *,
    user_power: float,
    from_power: float,
    to_power: float,
    weighted: bool = False,
) -> Neighbours:
    """The ``count`` other items with the strongest links from each item.

    The weight of a link is the sum of 1 / (items of the user) ** ``user_power`` over the users of both items,
    divided by (users of the first item) ** ``from_power`` * (users of the second) ** ``to_power``: the link
    propagation of H.-M. Fu et al., "Revisiting neighborhood-based link prediction for collaborative
    filtering", WWW 2022. Strongest first, ties by row. ``weighted``: with the weights of the interactions.
    """
    pairs = user_items(interactions, users, items).astype(np.float64)
    if weighted:
        pairs = weighted_pairs(interactions, users, items)
    of_user, of_item = degrees(pairs)
    leading = (pairs @ sparse.diags(of_item**-from_power)).tocsc().T
    leading = leading @ sparse.diags(of_user**-user_power)
    led_to = (pairs @ sparse.diags(of_item**-to_power)).tocsr()
    found = StrongestLinks(items, count)
    for start in range(0, items, ITEMS_AT_ONCE):
        links = (leading[start : start + ITEMS_AT_ONCE] @ led_to).tocsr()
        found.add(start, links)
    return found.neighbours
