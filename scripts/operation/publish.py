"""Serve another release: the newest, unless one is named.

The release is checked first: its files, its evaluation figures beside those of the served one, and
its answers. A server that runs here loads it beside the old one and then moves to it, so no request
is lost. Whatever goes wrong, the old one is served as before.

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
        help="by what share the figure may be worse, 0.02 for 2%% (default: the recipe's)",
    )
    parser.add_argument(
        "--metric", metavar="NAME", help="the figure to compare (default: the recipe's main one)"
    )
    parser.add_argument(
        "--force", action="store_true", help="publish it though its figures are worse, or missing"
    )


def add_release(parser: ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--release", type=whole_number(1), metavar="N", help=f"which release (default: {default})"
    )


def run(arguments: Namespace) -> None:
    opened(arguments).publish(
        arguments.release,
        margin=arguments.margin,
        metric=arguments.metric,
        force=arguments.force,
    )
