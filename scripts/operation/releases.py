"""List the releases of a recipe, oldest first, and which one is served.

Example:
  shortlist releases movielens-100k --check
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from scripts.arguments import add_recipe, opened

if TYPE_CHECKING:
    from ensemble.releases.listing import Listed


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument(
        "--check", action="store_true", help="compare every file with the release's manifest"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: Namespace) -> None:
    listed = opened(arguments).releases(check=arguments.check)
    if arguments.json:
        print(json.dumps([asdict(each) for each in listed], ensure_ascii=False, indent=2))
    else:
        _print_table(listed, arguments.check)


def _print_table(listed: "Sequence[Listed]", checked: bool) -> None:
    from rich.table import Table

    from scripts.console import show

    table = Table()
    for heading in ("release", "created", "served", "items", "MB", "metric"):
        table.add_column(heading, justify="right" if heading in ("items", "MB") else "left")
    if checked:
        table.add_column("intact")
    for each in listed:
        figure = ", ".join(f"{name} {value:.4f}" for name, value in each.figures.items())
        table.add_row(
            str(each.release),
            each.created or "",
            "yes" if each.served else "",
            "" if each.items is None else f"{each.items:,}",
            f"{each.bytes / 1e6:,.1f}",
            figure or each.problem or "none",
            *([each.problem or "yes"] if checked else []),
        )
    show(table)
