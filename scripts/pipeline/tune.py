"""Search for a stage's best settings with Optuna, without reading the test part.

The recipe's [tune] table defines the search space. A stopped search resumes where it was; at the end, the
best settings are printed as lines for the recipe.

Example:
  shortlist tune songs --trials 30
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_recipe, opened, whole_number


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument(
        "--trials",
        type=whole_number(1),
        metavar="N",
        help="total number of trials, including earlier runs (default: the recipe's)",
    )


def run(arguments: Namespace) -> None:
    best = opened(arguments).tune(arguments.trials)

    from models.tune import as_toml

    print(as_toml(best))
