"""Recommend for a file of users, from the latest release and without a server.

An interrupted run resumes where it stopped; the output file appears once it is complete.

Examples:
  shortlist batch songs --users users.txt --out recommendations.jsonl
  shortlist batch songs --users users.parquet --out recommendations.parquet --top 20 --workers 4
"""

import os
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from scripts.arguments import add_recipe, opened, whole_number

#: Seconds between two progress lines without a terminal.
EVERY = 10.0


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument(
        "--users",
        type=Path,
        required=True,
        metavar="FILE",
        help="one raw user id per line, or .parquet with the recipe's user column",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="the output file, .jsonl or .parquet",
    )
    parser.add_argument(
        "--top",
        type=whole_number(1),
        metavar="N",
        help="items per user (default: the recipe's)",
    )
    parser.add_argument(
        "--workers",
        type=whole_number(1),
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="processes (default: one per core)",
    )


def run(arguments: Namespace) -> None:
    recipe = opened(arguments)
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    from ensemble.batch import recommend_all
    from scripts.console import say

    began = last = time.monotonic()
    done = 0
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("users"), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("users", total=None)

        def progress(count: int) -> None:
            nonlocal done, last
            done += count
            bar.advance(task, count)
            if not console.is_terminal and time.monotonic() - last > EVERY:
                last = time.monotonic()
                say(f"{done:,} users")

        total = recommend_all(
            recipe.settings,
            recipe.artifacts,
            arguments.users,
            arguments.out,
            arguments.top,
            arguments.workers,
            progress,
        )
    seconds = time.monotonic() - began
    say(f"{total:,} users in {seconds:.1f} s ({total / seconds:,.0f} per second): {arguments.out}")
