"""Train the retriever and the ranker on what `shortlist prepare` made.

Both stop early on a validation metric; TensorBoard logs lie beside the models. Models that
are up to date are kept.

Examples:
  shortlist train movielens-100k
  shortlist train ratings --warm-start
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_force, add_recipe, opened


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    add_force(parser)
    parser.add_argument(
        "--warm-start",
        action="store_true",
        help="begin with the weights of the models that are there, instead of drawn ones",
    )


def run(arguments: Namespace) -> None:
    recipe, artifacts = opened(arguments)

    from models.train import train
    from scripts.console import say

    train(recipe, artifacts, force=arguments.force, say=say, warm_start=arguments.warm_start)
