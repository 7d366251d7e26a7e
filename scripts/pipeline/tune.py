"""Search for the best settings of a stage, on the training part alone (Optuna).

The recipe says in its [tune] table what to search through. A search that was stopped goes on where it was;
at its end the best settings are printed as lines for the recipe.

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
        help="how many in all, earlier runs counted (default: the recipe's)",
    )


def run(arguments: Namespace) -> None:
    best = opened(arguments).tune(arguments.trials)

    from models.tune import as_toml

    print(as_toml(best))
