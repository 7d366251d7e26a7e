"""Evaluate all baselines on a recipe's split, or on another split of its data, over several seeds.

Prints a table, and one JSON line with mean and spread (sample standard deviation over seeds) of every
figure.

Examples:
  python -m evaluation.baselines movielens-100k
  python -m evaluation.baselines movielens-100k --split temporal
  python -m evaluation.baselines movielens-100k --split leave-last-out --baselines popularity EASE
"""

import argparse
import json
import sys
from dataclasses import asdict
from typing import get_args

from rich.console import Console

from evaluation.baselines.table import BASELINES, over_all_seeds
from evaluation.report import spread_table
from models.prepared import PreparedData
from recipes.load import load
from recipes.schema.data import Split
from recipes.schema.recipe import Recipe
from sources.ingest import ingest
from stages.artifacts import Artifacts
from workflows.prepare import prepare

#: `given` is not among them: it needs data that mark their test part.
KINDS = [kind for kind in get_args(Split.model_fields["kind"].annotation) if kind != "given"]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.baselines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recipe", help="a recipe's name or TOML file")
    parser.add_argument("--split", choices=KINDS, help="split the data differently from the recipe")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], metavar="SEED")
    parser.add_argument("--baselines", nargs="+", choices=list(BASELINES), default=list(BASELINES))
    arguments = parser.parse_args()
    recipe = load(arguments.recipe)
    if arguments.split is not None and arguments.split != recipe.split.kind:
        recipe = on_another_split(recipe, arguments.split)
    artifacts = Artifacts.of(recipe.name)
    ingest(recipe, artifacts, None)
    prepare(recipe, artifacts, force=False)
    data = PreparedData(artifacts.prepared)
    spreads = over_all_seeds(
        data, arguments.seeds, names=arguments.baselines, exclude=recipe.serving.exclude
    )
    title = (
        f"{recipe.name}: {recipe.split.kind} split, seeds {', '.join(map(str, arguments.seeds))}"
    )
    Console(stderr=True, width=200).print(spread_table(title, spreads))
    figures = {
        system: {metric: asdict(spread) for metric, spread in found.items()}
        for system, found in spreads.items()
    }
    content = {"recipe": recipe.name, "split": recipe.split.model_dump(), "seeds": arguments.seeds}
    print(json.dumps({"benchmark": "baselines", **content, "figures": figures}))
    return 0


def on_another_split(recipe: Recipe, kind: str) -> Recipe:
    """Return the recipe with the split ``kind`` and a name of its own, so it shares no artifacts."""
    read = {name for name, (_, kinds) in Split.READ_WHERE.items() if kind in kinds}
    kept = {
        name: value
        for name, value in recipe.split.model_dump().items()
        if name in read or name not in Split.READ_WHERE
    }
    split = Split.model_validate({**kept, "kind": kind})
    return recipe.model_copy(update={"name": f"{recipe.name}-{kind}", "split": split})


if __name__ == "__main__":
    sys.exit(main())
