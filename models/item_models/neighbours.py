"""Related items, found by the links from an item to its users and on to their items."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from models.item_models.user_items import degrees, user_items, weighted_pairs
from models.prepared import Interactions
from stages.progress import progress

#: Links that are held in memory at once, at 16 bytes each.
LINKS_AT_ONCE = 2_000_000
#: At most so many links of single users are added up: about a minute. With more, users of very many items
#: count with some of them, at random: a user of 100,000 items alone has 10 billion links.
MOST_LINKS = 2_000_000_000


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
        links.data = links.data.astype(np.float32)
        strong = _as_strong(links, rows.shape[1] + 1).tocoo()  # one more, for the item itself
        other = start + strong.row != strong.col
        first, second, weight = strong.row[other], strong.col[other], strong.data[other]
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
    pairs = _thinned(pairs, MOST_LINKS)
    of_user, of_item = degrees(pairs)
    leading = (pairs @ sparse.diags(of_item**-from_power)).tocsc().T
    leading = leading @ sparse.diags(of_user**-user_power)
    led_to = (pairs @ sparse.diags(of_item**-to_power)).tocsr()
    found = StrongestLinks(items, count)
    for start, end in progress("links between items", _blocks(pairs)):
        found.add(start, (leading[start:end] @ led_to).tocsr())
    return found.neighbours


def _thinned(pairs: sparse.csr_matrix, most: int) -> sparse.csr_matrix:
    """The pairs, of which the users with the most items lose some at random if there are too many links."""
    lengths = np.diff(pairs.indptr).astype(np.int64)
    if np.square(lengths).sum() <= most:
        return pairs
    # The longest list for which the links of all users are few enough.
    longest = bisect_right(range(1, int(lengths.max())), most, key=lambda n: _links(lengths, n))
    user = np.repeat(np.arange(len(lengths)), lengths)
    drawn = np.lexsort((np.random.default_rng(0).random(len(user)), user))
    place = np.arange(len(user)) - np.repeat(pairs.indptr[:-1], lengths)
    kept = np.zeros(len(user), bool)
    kept[drawn[place < max(longest, 1)]] = True
    ends = np.concatenate([[0], np.cumsum(kept)])[pairs.indptr]
    return sparse.csr_matrix((pairs.data[kept], pairs.indices[kept], ends), pairs.shape)


def _links(lengths: np.ndarray, longest: int) -> int:
    """The number of links of all users, if none has more than ``longest`` items."""
    return int(np.square(np.minimum(lengths, longest)).sum())


def _blocks(pairs: sparse.csr_matrix) -> list[tuple[int, int]]:
    """Ranges of items that have at most ``LINKS_AT_ONCE`` links together, or are one item."""
    of_item = pairs.astype(bool).astype(np.int64).T @ np.diff(pairs.indptr).astype(np.int64)
    before = np.concatenate([[0], np.cumsum(np.minimum(of_item, pairs.shape[1]))])
    return blocks(before, LINKS_AT_ONCE)


def blocks(before: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Ranges of items that have at most ``most`` of something together, or are one item.

    ``before``: how many all items before each have, and at the end all items, [items + 1].
    """
    edges = [0]
    while edges[-1] < len(before) - 1:
        end = int(np.searchsorted(before, before[edges[-1]] + most, "right")) - 1
        edges.append(max(end, edges[-1] + 1))
    return list(pairwise(edges))


def _as_strong(links: sparse.csr_matrix, count: int) -> sparse.csr_matrix:
    """The links of each row that are as strong as its ``count`` strongest: few are left to sort."""
    kept = np.ones(links.nnz, bool)
    for start, end in pairwise(links.indptr.tolist()):
        if end - start > count:
            weights = links.data[start:end]
            kept[start:end] = weights >= np.partition(weights, -count)[-count]
    ends = np.concatenate([[0], np.cumsum(kept)])[links.indptr]
    return sparse.csr_matrix((links.data[kept], links.indices[kept], ends), links.shape)
