"""Profile a recipe's raw data before training, and reject data that cannot train a useful model.

Shows rows, nulls, distinct values, repeated pairs, the time span, the balance of outcomes, users and
items that occur only in the test part, and drift from train to test; also as a page with charts.

Examples:
  shortlist inspect movielens-100k
  shortlist inspect ./shop.toml
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_data_dir, add_recipe, opened


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    add_data_dir(parser)


def run(arguments: Namespace) -> None:
    recipe = opened(arguments)
    found = recipe.inspect(data_dir=arguments.data_dir)

    from scripts.console import say, show
    from stages.errors import ShortlistError
    from workflows.inspection.tables import tables

    show(tables(found))
    say(f"the same with charts: {recipe.artifacts.inspection}")
    if found.refusals:
        reasons = "\n".join(f"  - {reason}" for reason in found.refusals)
        raise ShortlistError(
            f"expected data that can train a useful model, got these problems:\n{reasons}"
        )
