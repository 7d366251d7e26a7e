"""The rules that decide what a recipe does not say, each with its reason (docs/decisions/0012-defaults.md).

A rule sees the recipe, with what earlier rules decided, and facts of the training part. It yields decisions;
one about a key that the recipe writes is dropped. A rule must hold for data sets that nobody here has seen,
so each rests on a property of the data, and was measured on every set of ``make bench-defaults``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from recipes.resolution.facts import Facts
from recipes.schema.rankers import Dlrm
from recipes.schema.recipe import Recipe
from recipes.schema.retrievers import LogLoss, Softmax
from runtime.candidates.exclusion import ALL
from runtime.candidates.generators import REPEAT, TWO_TOWER
from runtime.candidates.ranker_features import RETRIEVAL_SCORE, SCORED_GENERATORS
from runtime.candidates.z_scores import Z_SCORE


@dataclass(frozen=True)
class Decision:
    """``value`` for ``key``, such as ``ranker.loss``, and why in a few words."""

    key: str
    value: Any
    reason: str


Rule = Callable[[Recipe, Facts], Iterator[Decision]]


def generators(recipe: Recipe, facts: Facts) -> Iterator[Decision]:
    """Several generators: a two-tower model alone needs far more interactions than most catalogues have."""
    if not recipe.ranks_candidates:
        return
    names = [TWO_TOWER, "linear"]
    reason = "a linear item-item model finds what a two-tower model misses"
    if recipe.columns.timestamp is not None:
        names.append("transitions")
        reason += "; there are times, so what follows what is known"
    if not is_about_the_future(recipe) and facts.users + facts.items <= MOST_ROWS_OF_ALS:
        names.append("als")
        reason += "; the test part is not later, so least squares over all pairs pays"
    if recipe.serving.exclude != ALL:
        names.append(REPEAT)
        reason += "; serving.exclude leaves users their own items"
    yield Decision("serving.generators", [*names, "popularity"], reason)


def recency(recipe: Recipe, facts: Facts) -> Iterator[Decision]:
    """A user's latest items say most about the next one."""
    if not is_about_the_future(recipe):
        return
    reason = "there are times and the test part is later: the latest items say most"
    if isinstance(recipe.retriever, Softmax | LogLoss) and recipe.interactions.history_length:
        yield Decision("retriever.history_half_life", HALF_LIFE, reason)
    if "linear" in read_by_ranking(recipe):
        yield Decision("linear.half_life", HALF_LIFE, reason)


def least_squares(recipe: Recipe, facts: Facts) -> Iterator[Decision]:
    """Half the width and half the passes cost an eighth, and other generators make up for it."""
    if "als" in read_by_ranking(recipe):
        reason = "as one generator of several: an eighth of the time"
        yield Decision("als.dim", 64, reason)
        yield Decision("als.iterations", 10, reason)


def epochs(recipe: Recipe, facts: Facts) -> Iterator[Decision]:
    """With very many interactions, fewer passes over them teach as much."""
    if not isinstance(recipe.retriever, Softmax):
        return
    most = max(2, MOST_ROWS_OF_EPOCHS // max(facts.interactions, 1))
    if most < recipe.retriever.max_epochs:
        reason = f"{facts.interactions:,} interactions: so many rows are enough to learn from"
        yield Decision("retriever.max_epochs", most, reason)


def ranker(recipe: Recipe, facts: Facts) -> Iterator[Decision]:
    """Rank by the generators' scores: a user has too few relevant candidates to learn much else from."""
    if not (isinstance(recipe.ranker, Dlrm) and recipe.ranks_candidates):
        return
    names = [
        RETRIEVAL_SCORE,
        *(name for name in recipe.serving.generators if name in SCORED_GENERATORS),
    ]
    names += ["cooccurrence", "popularity"]
    features = [each for name in names for each in (name, f"{name}{Z_SCORE}")]
    yield Decision(
        "ranker.features", [*features, "activity"], "each generator's score, also within the list"
    )
    if facts.held_out < ENOUGH_FOR_IDS * max(facts.users, facts.items):
        reason = f"fewer than {ENOUGH_FOR_IDS} relevant candidates per id: ids would be memorised"
        yield Decision("ranker.ids", False, reason)
    yield Decision("ranker.loss", "listwise", "the order within a user's list is what counts")


def lists(recipe: Recipe, facts: Facts) -> Iterator[Decision]:
    """Settings of a ranker that learns from whole lists; a row of its batches is a user."""
    if not isinstance(recipe.ranker, Dlrm) or recipe.ranker.loss != "listwise":
        return
    settings = {
        "batch_size": 64,
        "learning_rate": 0.005,
        "weight_decay": 1.0,
        "embedding_dim": 8,
    }
    for name, value in settings.items():
        yield Decision(
            f"ranker.{name}", value, "the loss is listwise: a batch is of lists, not of rows"
        )
    users = min(facts.users, facts.held_out)
    if users < FEW_LISTS:
        reason = (
            f"fewer than {FEW_LISTS:,} lists to learn from: the blend of the generators steadies it"
        )
        yield Decision("ranker.blend", 0.2, reason)


#: In this order: the ranker reads the generators' scores; an item model matters if one of the two reads it.
RULES: tuple[Rule, ...] = (generators, ranker, lists, recency, epochs, least_squares)

#: Number of later items after which an item counts half as much.
HALF_LIFE = 2.0
#: The most users and items together whose factors take no more than a minute or two.
MOST_ROWS_OF_ALS = 300_000
#: Rows of all epochs of the retriever together: some minutes.
MOST_ROWS_OF_EPOCHS = 20_000_000
#: Held-out positives per user or item from which on a ranker with ids is the better one.
ENOUGH_FOR_IDS = 20
#: Users with candidates below which a ranker varies by several per cent from seed to seed.
FEW_LISTS = 1_000


def is_about_the_future(recipe: Recipe) -> bool:
    """Whether the recipe asks for what comes next, and not for gaps in what was."""
    return recipe.columns.timestamp is not None and recipe.split.kind in (
        "temporal",
        "leave-last-out",
    )


def read_by_ranking(recipe: Recipe) -> set[str]:
    """The item models that a generator or a ranker feature reads."""
    features = {name.removesuffix(Z_SCORE) for name in recipe.ranker_features}
    return {*recipe.serving.generators, *features}
