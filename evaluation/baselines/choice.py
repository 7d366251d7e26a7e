"""Which baselines a report shows, by the sizes of the data: untuned, and bounded in time and memory."""

from dataclasses import dataclass

import numpy as np

from evaluation.baselines import Baseline
from evaluation.baselines.bpr import BPR
from evaluation.baselines.ease import EASE
from evaluation.baselines.edlae import EDLAE
from evaluation.baselines.ials import IALS
from evaluation.baselines.item_knn import ItemKNN
from evaluation.baselines.own_items import OwnItems
from evaluation.levels import Level
from models.prepared import Interactions

#: What one baseline may take with ``fast``, by the estimates below.
SECONDS = 60.0
#: The largest catalogue for EASE and EDLAE with ``fast``.
ITEMS = 6_000
#: The closed form of EASE and EDLAE holds a matrix and its inverse in double precision, and float32 weights.
BYTES_A_PAIR_OF_ITEMS = 20
#: ItemKNN holds its similarities in slices, together, and turned around: a float32 and an index of each.
BYTES_A_NEIGHBOUR = 24
#: What an item of a user counts, to the power of its age: the newest three make up two thirds.
RECENCY = 0.7

#: Steps a second that two shared CPU cores reach: of sparse products, dense products, and iALS; users whose
#: lists are made from stored scores, and dense scores of which lists are made.
SPARSE, DENSE, ALS, USERS, SCORES = 4e7, 2e10, 5e9, 3e4, 4e7


@dataclass(frozen=True)
class Sizes:
    """``pairs``: of user and item in the training part. ``products``: pairs of two items of one user.

    ``asked``: number of users that lists are made for; ``of_asked``: number of their pairs.
    """

    users: int
    items: int
    pairs: int
    products: int
    asked: int
    of_asked: int

    @classmethod
    def of(cls, training: Interactions, users: int, items: int, asked: np.ndarray) -> "Sizes":
        """Count; ``asked``: user rows."""
        each = np.bincount(training.users, minlength=users).astype(np.int64)
        return cls(
            users, items, len(training), int((each**2).sum()), len(asked), int(each[asked].sum())
        )


@dataclass(frozen=True)
class Choice:
    """``baselines`` by their names in reports; ``skipped``: why others are not among them, by name."""

    baselines: dict[str, Baseline]
    skipped: dict[str, str]


def chosen(
    level: Level, sizes: Sizes, *, timed: bool, memory: int, own_items: bool = False
) -> Choice:
    """Return the baselines beside popularity.

    Args:
        own_items: whether users may be shown what they had, which then is a method of its own.
        timed: whether the order of a user's interactions is that of time.
        memory: bytes that are free.
    """
    if level == "none":
        return Choice({}, {})
    wanted: dict[str, Baseline] = {"own items": OwnItems()} if own_items else {}
    wanted["ItemKNN"] = ItemKNN()
    if timed:
        wanted["recency-weighted ItemKNN"] = ItemKNN(recency=RECENCY)
    wanted |= {"EASE": EASE(), "EDLAE": EDLAE(), "iALS": _ials(level, sizes)}
    if level == "all":
        wanted["BPR"] = BPR()
    reasons = {name: _against(level, each, sizes, memory) for name, each in wanted.items()}
    return Choice(
        {name: each for name, each in wanted.items() if reasons[name] is None},
        {name: reason for name, reason in reasons.items() if reason is not None},
    )


def _ials(level: Level, sizes: Sizes) -> IALS:
    """iALS with as many factors as time allows."""
    if level == "all":
        return IALS()
    wide = IALS(iterations=10)
    return wide if seconds(wide, sizes) <= SECONDS else IALS(64, iterations=10)


def _against(level: Level, baseline: Baseline, sizes: Sizes, memory: int) -> str | None:
    """A reason to leave the baseline out, for the log and the report; None if there is none."""
    dense = isinstance(baseline, EASE | EDLAE)
    needed = BYTES_A_PAIR_OF_ITEMS * sizes.items**2 if dense else 0
    if isinstance(baseline, ItemKNN):
        needed = BYTES_A_NEIGHBOUR * sizes.items * min(baseline.neighbours, sizes.items)
    if needed > memory:
        return (
            f"needs about {needed / 1e9:.1f} GB for {sizes.items:,} items, and {memory / 1e9:.1f} GB are "
            "free"
        )
    if level == "all":
        return None
    if dense and sizes.items > ITEMS:
        return f"inverts a matrix of {sizes.items:,} items, more than {ITEMS:,}; --baselines all fits it"
    takes = seconds(baseline, sizes)
    if takes > SECONDS:
        return f"takes about {takes:,.0f} s at these sizes, more than {SECONDS:.0f}; --baselines all fits it"
    return None


def seconds(baseline: Baseline, sizes: Sizes) -> float:
    """Return about how long fitting the baseline and making its lists take."""
    if isinstance(baseline, OwnItems):
        return sizes.asked / USERS
    if isinstance(baseline, ItemKNN):
        products = sizes.products + sizes.of_asked * baseline.neighbours
        return products / SPARSE + sizes.asked / USERS
    lists = sizes.asked * sizes.items / SCORES
    if isinstance(baseline, EASE | EDLAE):
        return (2 * sizes.items**3 + 20 * sizes.of_asked * sizes.items) / DENSE + lists
    if isinstance(baseline, IALS):
        # Three steps of conjugate gradients for each user and item, over all pairs and over their own.
        once = 8 * (sizes.users + sizes.items) * baseline.dim**2 + 32 * sizes.pairs * baseline.dim
        return baseline.iterations * once / ALS + lists
    return lists
