"""Train the retriever and the ranker on what `shortlist prepare` made.

Both stop early on a validation metric; TensorBoard logs lie beside the models. Models that
are up to date are kept.

Example:
  shortlist train movielens-100k
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_force, add_recipe, opened


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    add_force(parser)


def run(arguments: Namespace) -> None:
    recipe, artifacts = opened(arguments)

    from models.train import train
    from scripts.console import say

    train(recipe, artifacts, force=arguments.force, say=say)
