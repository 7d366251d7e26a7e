"""Serve the release before this one again; given again, the one before that.

Its files and answers are checked, its figures are not. A server that runs here moves to it with no
request lost.

Example:
  shortlist rollback movielens-100k
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_recipe, opened
from scripts.operation.publish import add_release


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    add_release(parser, "the one that was served before")


def run(arguments: Namespace) -> None:
    opened(arguments).rollback(arguments.release)
