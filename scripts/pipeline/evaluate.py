"""Measure the retriever, the ranker and the whole funnel on the test part, beside popularity.

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
    recipe, artifacts = opened(arguments)

    from ensemble.in_process import served_in_process
    from evaluation.evaluate import evaluate
    from evaluation.report import read_report, tables
    from scripts.console import say, show

    evaluate(recipe, artifacts, served_in_process, force=arguments.force, say=say)
    show(tables(read_report(artifacts.report)))
