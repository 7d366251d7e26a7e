"""Measure the retriever, the ranker and the whole funnel on the test part, against popularity.

Writes report.json and prints it as a table.

Example:
  shortlist evaluate movielens-100k
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_force, add_recipe, opened


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    add_force(parser)


def run(arguments: Namespace) -> None:
    report = opened(arguments).evaluate(force=arguments.force)

    from evaluation.report import tables
    from scripts.console import show

    show(tables(report))
