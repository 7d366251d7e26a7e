"""All baselines on one split, in one table."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from evaluation.baselines import Baseline
from evaluation.baselines.bpr import BPR
from evaluation.baselines.ease import EASE
from evaluation.baselines.edlae import EDLAE
from evaluation.baselines.ials import IALS
from evaluation.baselines.item_knn import ItemKNN
from evaluation.baselines.lists import best_unseen
from evaluation.baselines.popularity import Popularity
from evaluation.beyond_accuracy import Catalogue
from evaluation.uncertainty import Spread, over_seeds
from metrics import ranking
from models.hidden_items import hidden_items
from models.prepared import Interactions, PreparedData
from runtime.candidates.exclusion import ALL, Exclude
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

#: By their names in tables, the simplest first.
BASELINES: dict[str, Baseline] = {
    "popularity": Popularity(),
    "ItemKNN": ItemKNN(),
    "BPR": BPR(),
    "EASE": EASE(),
    "EDLAE": EDLAE(),
    "iALS": IALS(),
}
Figures = dict[str, float | None]


def baseline_lists(
    training: Interactions,
    users: int,
    items: int,
    asked: np.ndarray,
    hidden: Sequence[np.ndarray],
    count: int,
    *,
    seed: int = 0,
    names: Iterable[str] = tuple(BASELINES),
) -> dict[str, np.ndarray]:
    """Return each baseline's ``count`` best items for user rows ``asked`` (see ``lists.best_unseen``).

    They are int64 [asked, count], -1 pads.

    Raises:
        ShortlistError: there is no such baseline, or one cannot be fitted (see ``Baseline.fit``).
    """
    lists = {}
    training = replace(training, weights=None)  # a baseline counts every interaction once
    for name in names:
        if name not in BASELINES:
            raise ShortlistError(f"expected baselines among {', '.join(BASELINES)}, got '{name}'")
        fitted = BASELINES[name].fit(training, users, items, seed)
        lists[name] = best_unseen(fitted, training, items, asked, hidden, count)
    return lists


def baseline_table(
    data: PreparedData,
    *,
    k: int = 10,
    seed: int = 0,
    names: Iterable[str] = tuple(BASELINES),
    exclude: Exclude = ALL,
) -> dict[str, Figures]:
    """Return figures by baseline, trained on train and valid, over every user of the test part.

    Every ranking metric at k over the whole catalogue without what the user has seen in the training part, if
    ``exclude`` leaves it out, and the figures of ``evaluation.beyond_accuracy``.

    Raises:
        ShortlistError: the test part is empty, or as ``baseline_lists``.
    """
    training = data.interactions("train", "valid")
    wanted = data.interactions("test").by_user(data.user_count)
    asked = np.array([row for row, found in enumerate(wanted) if len(found)], np.int64)
    if not len(asked):
        raise ShortlistError(
            "expected users with positives in the test part, found none. Change [split] in the recipe and "
            "run `shortlist prepare` again."
        )
    relevant = [np.unique(wanted[row]) for row in asked]
    users, items = data.user_count, data.item_count
    catalogue = Catalogue.of(training, users, items)
    hidden = hidden_items(data.seen_beside(training, Interactions.none()), exclude, asked)
    lists = baseline_lists(training, users, items, asked, hidden, k, seed=seed, names=names)
    return {
        name: {
            **ranking.at_each_k(ranked, relevant, (k,)),
            **catalogue.figures(ranked, asked, k),
        }
        for name, ranked in lists.items()
    }


def over_all_seeds(
    data: PreparedData,
    seeds: Sequence[int],
    *,
    k: int = 10,
    names: Sequence[str] = tuple(BASELINES),
    exclude: Exclude = ALL,
) -> dict[str, dict[str, Spread]]:
    """Return mean and spread of ``baseline_table`` over ``seeds``; unseeded baselines are fitted once."""
    tables: list[dict[str, Figures]] = []
    for seed in seeds:
        log.info(f"seed {seed}")
        changing = [name for name in names if not tables or BASELINES[name].seeded]
        found = baseline_table(data, k=k, seed=seed, names=changing, exclude=exclude)
        tables.append({name: found.get(name) or tables[0][name] for name in names})
    return over_seeds(tables)
