"""Look at a recipe's raw data before anything is fitted, and refuse what would train to nonsense.

Shows rows, nulls, distinct values, repeated pairs, the time span, how outcomes are balanced, users and
items that only the test part has, and drift from train to test; the same as a page with pictures.

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
    say(f"the same with pictures: {recipe.artifacts.inspection}")
    if found.refusals:
        reasons = "\n".join(f"  - {reason}" for reason in found.refusals)
        raise ShortlistError(f"these data would train to nonsense:\n{reasons}")
