"""About how long a training takes and how much memory it needs, from the sizes and settings alone.

The figures per row were measured on 2 cores of an AMD EPYC that other work shared, with made-up data of
54,000 positives and 9,000 items and of 629,000 positives and 91,000 items, and rounded up. The time is
that of all epochs, so early stopping makes it shorter; more cores or a GPU are faster.
"""

from dataclasses import dataclass

import numpy as np

from models.interactions import Interactions
from models.item_models.linear import MOST_FILTERED, MOST_ITEMS
from models.item_models.neighbours import LINKS_AT_ONCE, MOST_LINKS
from models.prepared import PreparedData, list_length
from recipes.schema.rankers import NoRanker
from recipes.schema.recipe import Recipe
from recipes.schema.retrievers import MaskedSoftmax
from runtime.candidates.item_index import EXACT_UP_TO
from stages.progress import duration

#: Seconds to load the libraries, and to compile, convert and check each model.
LOADED, COMPILED = 8, 8
#: Floating-point operations per second of dense products.
OPERATIONS = 6e10
#: Seconds per row and epoch: of the retriever with a history of 50; of the ranker, row by row or by lists.
RETRIEVED_ROW, RANKED_ROW, LISTED_ROW = 2e-5, 6e-6, 1e-6
#: Seconds to find a user's candidates and compute their features, per candidate.
CANDIDATE = 5e-6
#: Seconds per item to build an approximate index.
INDEXED_ITEM = 6e-5
#: Seconds per pair of items of one user, for the links between items.
LINK = 4e-8
#: Bytes that the loaded libraries and small models need.
LIBRARIES = 1.0e9
#: Copies of a ranker's rows that are held at once; of the weights of a model with its optimizer.
ROW_COPIES, WEIGHT_COPIES = 3, 4


@dataclass(frozen=True)
class Sizes:
    """The sizes of a training.

    ``rows``: positives of train and valid. ``held_out``: users with a positive in valid. ``links``: sum over
    users of the squared number of their positives. ``values``: numbers in a row of the retriever;
    ``history``: how many of them are its history, which the ranker does not read.
    """

    rows: int
    held_out: int
    users: int
    items: int
    links: int
    values: int
    history: int = 0

    @classmethod
    def of(cls, data: PreparedData, visible: Interactions, valid: Interactions) -> "Sizes":
        """The sizes of prepared data; ``visible``: the positives of train and valid."""
        own = np.bincount(visible.users, minlength=data.user_count).astype(np.float64)
        values = sum(
            list_length(column) if column.is_list else 1
            for column in [*data.query_schema, *data.candidate_schema]
        )
        return cls(
            rows=len(visible),
            held_out=len(np.unique(valid.users)),
            users=data.user_count,
            items=data.item_count,
            links=int(np.square(own).sum()),
            values=values,
            history=0 if data.history is None else list_length(data.history),
        )


@dataclass(frozen=True)
class Forecast:
    """What a training needs, at most about."""

    seconds: float
    bytes: float

    def line(self, sizes: Sizes) -> str:
        """Say it in one line."""
        return (
            f"training on {sizes.rows:,} positives of {sizes.users:,} users and {sizes.items:,} items: up "
            f"to about {duration(self.seconds)} on 2 cores, and about {self.bytes / 1e9:.1f} GB of memory"
        )


def forecast(recipe: Recipe, sizes: Sizes) -> Forecast:
    """Add up the time of all parts; the memory is that of the part that needs most."""
    parts = [_retriever(recipe, sizes), _ranker(recipe, sizes), _item_models(recipe, sizes)]
    seconds = LOADED + sum(part.seconds for part in parts)
    return Forecast(seconds, LIBRARIES + max(part.bytes for part in parts))


def _retriever(recipe: Recipe, sizes: Sizes) -> Forecast:
    """The first and the final training, and one for each fold."""
    options = recipe.retriever
    if not recipe.retrieves:
        return Forecast(0, 0)
    epochs = recipe.joint.max_epochs if recipe.joint is not None else options.max_epochs
    trainings = 2 + (recipe.ranker.folds if recipe.ranks_candidates else 0)
    members = options.members if options.masks_history else 1
    weights = (sizes.users * (not options.masks_history) + sizes.items) * options.embedding_dim
    if options.masks_history:  # its rows are users
        seconds = sizes.users * RETRIEVED_ROW * 2
        if isinstance(options, MaskedSoftmax):
            seconds += 6 * sizes.users * sizes.items * options.embedding_dim / OPERATIONS
    else:
        seconds = sizes.rows * RETRIEVED_ROW
    return Forecast(
        members * trainings * epochs * seconds + 2 * COMPILED,
        4 * (WEIGHT_COPIES * members * weights + 2 * sizes.rows * sizes.values),
    )


def _ranker(recipe: Recipe, sizes: Sizes) -> Forecast:
    """Candidates, and the epochs on their rows; or two trainings on all interactions."""
    options = recipe.ranker
    if isinstance(options, NoRanker) or recipe.joint is not None:
        return Forecast(0, 0)
    if options.target != "candidates":
        rows, found, trainings = sizes.rows, 0.0, 2
    else:
        hold_outs = 1 + options.folds
        candidates = min(recipe.serving.candidates, sizes.items)
        rows, trainings = hold_outs * min(sizes.held_out, options.users) * candidates, 1
        index = sizes.items * INDEXED_ITEM if sizes.items > EXACT_UP_TO else 0
        found = rows * CANDIDATE + hold_outs * index
    numbers = len(recipe.ranker_features) + sizes.values - sizes.history
    each = LISTED_ROW if options.loss == "listwise" else RANKED_ROW
    seconds = found + trainings * options.max_epochs * rows * each + COMPILED
    return Forecast(seconds, ROW_COPIES * 8.0 * rows * numbers)


def _item_models(recipe: Recipe, sizes: Sizes) -> Forecast:
    """What ``models.item_models.arrays`` computes: for each hold-out of the ranker and for the release."""
    wanted = {name.removesuffix("_zscore") for name in recipe.ranker_features}
    wanted |= set(recipe.serving.generators)
    seconds, peak = 0.0, 0.0
    linked = LINK * min(sizes.links, MOST_LINKS)
    if "cooccurrence" in wanted:
        seconds, peak = seconds + linked, max(peak, 64.0 * LINKS_AT_ONCE)
    if "linear" in wanted:
        items = float(sizes.items)
        kind = recipe.linear.kind
        if kind == "edlae" or (kind == "auto" and items <= MOST_ITEMS):
            seconds, peak = seconds + items**3 / OPERATIONS, max(peak, 8 * items**2)
        elif kind == "graph-filter" or (kind == "auto" and items <= MOST_FILTERED):
            dim = recipe.linear.dim
            seconds += 2 * items**2 * dim / OPERATIONS + 1e-5 * items * dim
            peak = max(peak, 32 * (items + sizes.users) * dim)
        else:
            seconds, peak = seconds + linked, max(peak, 64.0 * LINKS_AT_ONCE)
    if "als" in wanted:
        own = recipe.als.dim
        once = sizes.rows * own**2 * 4 + (sizes.users + sizes.items) * own**2 * 20
        seconds += recipe.als.iterations * once / OPERATIONS
        peak = max(peak, 16.0 * (sizes.users + sizes.items) * own)
    hold_outs = 1 + (recipe.ranker.folds if recipe.ranks_candidates else 0)
    return Forecast((1 + hold_outs) * seconds, peak)
