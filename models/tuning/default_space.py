"""The space of a recipe that declares none: the few keys that move the figures most, by its kinds."""

from collections.abc import Iterator

from models.tuning.space import require_settings
from recipes.schema.recipe import Recipe
from recipes.schema.tuning import Space
from runtime.candidates.exclusion import ALL
from runtime.candidates.generators import GENERATORS, REPEAT, TWO_TOWER
from stages.errors import ShortlistError

POPULARITY, TRANSITIONS = "popularity", "transitions"
LEARNING_RATE = Space(low=0.0005, high=0.02, log=True)
WEIGHT_DECAY = Space(choices=(0.0, 0.1, 0.6, 1.0))
#: From the last item alone to hardly any difference between the items of a history.
HALF_LIFE = Space(low=1.0, high=64.0, log=True)


def default_space(recipe: Recipe) -> dict[str, Space]:
    """Ranges and choices for the keys of the recipe's kinds, without those that it cannot have."""
    space = dict(_proposed(recipe))
    return {key: each for key, each in space.items() if _is_possible(recipe, key, space)}


def _is_possible(recipe: Recipe, key: str, space: dict[str, Space]) -> bool:
    try:
        require_settings(recipe, space, [key])
    except ShortlistError:
        return False
    return True


def _proposed(recipe: Recipe) -> Iterator[tuple[str, Space]]:
    if recipe.retrieves:
        yield "retriever.learning_rate", Space(low=0.001, high=0.03, log=True)
        yield "retriever.weight_decay", WEIGHT_DECAY
        if recipe.interactions.history_length and recipe.columns.timestamp is not None:
            yield "retriever.history_half_life", HALF_LIFE
    if recipe.retrieves and (recipe.ranks_candidates or not recipe.ranks):
        yield "serving.generators", Space(choices=tuple(_generators(recipe)))
    if recipe.ranks:
        yield "ranker.learning_rate", LEARNING_RATE
        yield "ranker.weight_decay", WEIGHT_DECAY
    if recipe.ranks_candidates:
        yield "ranker.loss", Space(choices=("pointwise", "listwise"))
        yield "ranker.blend", Space(choices=(0.0, 0.2, 0.4, 1.0))
        yield "ranker.ids", Space(choices=(True, False))
        yield "ranker.folds", Space(choices=(0, 2))


def _generators(recipe: Recipe) -> Iterator[tuple[str, ...]]:
    """The recipe's own, the two-tower model alone, all, and the own ones with one more or one less."""
    own = recipe.serving.generators
    others = [name for name in GENERATORS if name not in (*own, POPULARITY)]
    if recipe.columns.timestamp is None and TRANSITIONS in others:
        others.remove(TRANSITIONS)  # nothing is known of what follows what
    if recipe.serving.exclude == ALL and REPEAT in others:
        others.remove(REPEAT)
    lists = [own, (TWO_TOWER,), (*own, *others), *((*own, name) for name in others)]
    for name in own:
        # Popularity answers users without a history, who are too few to judge it by.
        if name not in (TWO_TOWER, POPULARITY):
            lists.append(tuple(each for each in own if each != name))
    yield from dict.fromkeys(lists)
