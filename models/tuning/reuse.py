"""What one trial has computed and a later one with the same settings uses again, in bounded memory."""

import hashlib
import json
from collections import OrderedDict
from typing import Any

from models.item_models.arrays import candidate_arrays
from models.prepared import Arrays, Interactions, PreparedData
from recipes.schema.recipe import Recipe
from recipes.schema.tuning import GIVEN
from runtime.candidates.generators import GENERATORS, TWO_TOWER
from runtime.candidates.ranker_features import arrays_of

#: The bytes that are kept; the last value is kept whatever its size.
BUDGET = 1 << 30


class Reuse:
    """Values by key; those not used for the longest give way if all together exceed ``budget`` bytes."""

    def __init__(self, budget: int = BUDGET) -> None:
        self.budget = budget
        self._kept: OrderedDict[Any, tuple[Any, int]] = OrderedDict()

    def find(self, key: Any) -> Any:
        """The value kept under a key; None if there is none."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def keep(self, key: Any, value: Any, size: int) -> None:
        """Keep a value of about ``size`` bytes."""
        self._kept[key] = value, size
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(each for _, each in self._kept.values()) > self.budget:
            self._kept.popitem(last=False)


class ItemModels:
    """``candidate_arrays``, computing only those whose settings or interactions are new.

    The arrays of one generator or feature are kept together. They depend on the recipe's table of that
    generator, such as ``[linear]``; without such a table, to be safe, on the tables of all item models.
    """

    def __init__(self, reuse: Reuse) -> None:
        self.reuse = reuse

    def __call__(self, recipe: Recipe, data: PreparedData, visible: Interactions) -> Arrays:
        digest = hashlib.sha256(visible.users.tobytes() + visible.items.tobytes()).hexdigest()
        keys = {group: (digest, group, _settings(recipe, group)) for group in _groups(recipe)}
        found = {group: self.reuse.find(key) for group, key in keys.items()}
        known = {name: array for arrays in found.values() for name, array in (arrays or {}).items()}
        made = candidate_arrays(recipe, data, visible, known)
        for group, key in keys.items():
            if found[group] is None:
                arrays = {name: made[name] for name in group}
                self.reuse.keep(key, arrays, sum(array.nbytes for array in arrays.values()))
        return made


def _groups(recipe: Recipe) -> set[tuple[str, ...]]:
    """The arrays of each generator and each feature that the recipe has, sorted."""
    generators = [name for name in recipe.serving.generators if name != TWO_TOWER]
    groups = {tuple(sorted(GENERATORS[name].arrays)) for name in generators}
    return (groups | {arrays_of([name]) for name in recipe.ranker_features}) - {()}


def _settings(recipe: Recipe, group: tuple[str, ...]) -> str:
    tables = {
        name
        for name, generator in GENERATORS.items()
        if {*generator.arrays} & {*group} and hasattr(recipe, name)
    }
    other = {*GIVEN, "name", "title", "serving", "retriever", "ranker"}
    content = recipe.model_dump(mode="json", include=tables or {*Recipe.model_fields} - other)
    return json.dumps([recipe.retriever.seed, content], sort_keys=True)
