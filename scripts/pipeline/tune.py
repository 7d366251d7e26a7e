"""Search for a recipe's best settings with Optuna, without reading the test part.

The recipe's [tune] table defines the search space; without one, a small space for the recipe's kinds is
searched. Settings are compared by the NDCG of the whole funnel, or by the validation figure of a stage if all
keys belong to a stage that no other depends on. A stopped search resumes where it was. At the end, the best
settings are printed as lines for the recipe, and the recipe with these settings is written to a file, with
a comment of what each key brought.

Examples:
  shortlist tune songs --trials 30
  shortlist tune ./shop.toml --minutes 30 --write ./shop-tuned.toml
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from scripts.arguments import add_recipe, number, opened, whole_number


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument(
        "--trials",
        type=whole_number(1),
        metavar="N",
        help="total number of trials, including earlier runs (default: the recipe's)",
    )
    parser.add_argument(
        "--minutes",
        type=number(0),
        metavar="M",
        help="start no trial that is expected to end later; the first one always runs",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="where to write the best recipe (default: artifacts/<name>/tuned.toml)",
    )


def run(arguments: Namespace) -> None:
    recipe = opened(arguments)
    best = recipe.tune(arguments.trials, minutes=arguments.minutes, write=arguments.write)

    from recipes.editing import settings_as_text

    if best:
        print(settings_as_text(best), end="")
