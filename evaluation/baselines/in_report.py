"""The lists of the simple methods that a report shows beside the funnel."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import psutil

from evaluation.baselines.choice import Sizes, chosen
from evaluation.baselines.lists import best_unseen
from evaluation.baselines.popularity import most_popular
from evaluation.levels import Level
from models.prepared import Interactions
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

#: Of everything that a baseline draws: its figures are compared with those of one funnel.
SEED = 0


def simple_lists(
    level: Level,
    training: Interactions,
    users: int,
    items: int,
    asked: np.ndarray,
    hidden: Sequence[np.ndarray],
    count: int,
    *,
    timed: bool,
    own_items: bool = False,
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the ``count`` best items of each asked user by method, and why methods were skipped.

    Popularity is always among them; arguments as ``choice.chosen`` and ``lists.best_unseen``.

    Returns:
        item rows int64 [asked, count] by method, -1 where a list ends; reasons by method.
    """
    training = replace(training, weights=None)  # a baseline counts every interaction once
    log.info("evaluating: popularity")
    lists = {"popularity": most_popular(training, items, list(hidden), count)}
    sizes = Sizes.of(training, users, items, asked)
    free = psutil.virtual_memory().available
    choice = chosen(level, sizes, timed=timed, memory=free, own_items=own_items)
    skipped = dict(choice.skipped)
    for name, baseline in choice.baselines.items():
        log.info(f"evaluating: {name}")
        began = time.monotonic()
        try:
            fitted = baseline.fit(training, users, items, SEED)
        except ShortlistError as error:
            skipped[name] = str(error)
            continue
        lists[name] = best_unseen(fitted, training, items, asked, hidden, count)
        log.info(f"evaluated {name} in {time.monotonic() - began:.1f} s")
    for name, reason in skipped.items():
        log.info(f"skipped {name}: {reason}")
    return lists, skipped
