"""Measure the retriever, the ranker and the whole funnel on the test part, against simple methods.

Writes report.json and prints it as tables, with a sentence that says whether the funnel beats them.

Examples:
  shortlist evaluate movielens-100k
  shortlist evaluate movielens-100k --baselines all
"""

from argparse import ArgumentParser, Namespace

from evaluation.levels import LEVELS
from scripts.arguments import add_force, add_recipe, opened


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument(
        "--baselines",
        choices=LEVELS,
        default="fast",
        help="none: popularity alone; fast: ItemKNN, EASE, EDLAE and iALS, each unless it takes more than "
        "about a minute; all: each that fits in memory, and BPR (default: %(default)s)",
    )
    add_force(parser)


def run(arguments: Namespace) -> None:
    report = opened(arguments).evaluate(baselines=arguments.baselines, force=arguments.force)

    from evaluation.report import tables
    from scripts.console import show

    show(tables(report))
