"""Serve another release: the newest, unless --release names one.

The release is checked first: its files, its evaluation metrics against those of the served release, and
its answers. A server running on this machine loads it alongside the old one and then switches to it,
so no request is lost. If anything fails, the old release stays in service.

Examples:
  shortlist publish movielens-100k
  shortlist publish movielens-100k --release 3 --metric recall@10 --margin 0.05
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_recipe, number, opened, whole_number


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    add_release(parser, "the newest")
    parser.add_argument(
        "--margin",
        type=number(0),
        metavar="SHARE",
        help="by what share the metric may be worse, 0.02 for 2%% (default: the recipe's)",
    )
    parser.add_argument(
        "--metric", metavar="NAME", help="the metric to compare (default: the recipe's main one)"
    )
    parser.add_argument(
        "--force", action="store_true", help="publish it even if its metrics are worse or missing"
    )


def add_release(parser: ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--release", type=whole_number(1), metavar="N", help=f"release number (default: {default})"
    )


def run(arguments: Namespace) -> None:
    opened(arguments).publish(
        arguments.release,
        margin=arguments.margin,
        metric=arguments.metric,
        force=arguments.force,
    )
