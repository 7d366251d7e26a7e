"""Put the trained parts together into a release: what Triton serves, complete in one folder.

A release is written beside older ones and appears when it is complete. A server that runs goes on
with its own until another is published (`shortlist publish`).

Example:
  shortlist export movielens-100k
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_force, add_recipe, opened


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    add_force(parser)


def run(arguments: Namespace) -> None:
    opened(arguments).export(force=arguments.force)
