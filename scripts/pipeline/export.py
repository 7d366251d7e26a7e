"""Assemble the trained parts into a release: one folder with everything that Triton serves.

A release is added to the older ones and appears once it is complete. A running server keeps serving
its own until another is published (`shortlist publish`).

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
