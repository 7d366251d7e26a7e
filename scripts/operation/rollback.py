"""Serve the previous release again; repeated, the one before that.

Its files and answers are checked, but not its metrics. A server running on this machine switches to it
without losing a request.

Example:
  shortlist rollback movielens-100k
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_recipe, opened
from scripts.operation.publish import add_release


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    add_release(parser, "the one served before")


def run(arguments: Namespace) -> None:
    opened(arguments).rollback(arguments.release)
