"""Run everything once: data, workflow, two models, evaluation, a release, a real Triton and its answers.

Work that is up to date from an earlier run is kept, and logged as such.

Examples:
  shortlist demo
  shortlist demo movielens-100k --data-dir ~/ml-100k
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scripts.arguments import add_data_dir, opened
from stages.errors import ShortlistError
from stages.log import logger

if TYPE_CHECKING:
    from ensemble.recommendations import Recommendations
    from shortlist import Recipe, Server

log = logger(__name__)

USERS = 3
FAVOURITES = 5
TOP = 10


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "recipe",
        metavar="RECIPE",
        nargs="?",
        default="movielens-100k",
        help="a name under recipes/ or the path of a TOML file (default: %(default)s)",
    )
    add_data_dir(parser)


def run(arguments: Namespace) -> None:
    recipe = opened(arguments)
    from evaluation.report import tables
    from scripts.console import show

    began = time.monotonic()
    with _step("prepare"):
        recipe.prepare(data_dir=arguments.data_dir)
    with _step("train"):
        recipe.train()
    with _step("evaluate"):
        report = recipe.evaluate()
    with _step("export"):
        recipe.export()
    with _step("serve"), recipe.serve() as server:
        address = server.address
        log.info(f"Triton is ready at {address.grpc} (gRPC) and {address.http} (HTTP)")
        users = _some_users(recipe)
        answer = _asked_twice(server, users)
    _show_answers(recipe, users, answer)
    show(tables(report))
    log.info(f"done in {time.monotonic() - began:.0f} s; the server is stopped")


@contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    log.info(f"== {name}")
    yield
    log.info(f"   {name}: {time.monotonic() - began:.1f} s")


def _some_users(recipe: "Recipe") -> list[str]:
    """Raw ids of users with little, median and much activity in the training part."""
    users = _training_rows(recipe)[recipe.settings.columns.user]
    counts = users.value_counts(sort=False)
    by_activity = counts.sort_index().sort_values(kind="stable").index
    return [
        str(by_activity[(place + 1) * len(by_activity) // (USERS + 1)]) for place in range(USERS)
    ]


def _asked_twice(server: "Server", users: list[str]) -> "Recommendations":
    """The server's answer over gRPC, after checking that HTTP gives the same."""
    import numpy as np

    answer = server.recommend(users, top_k=TOP)
    with server.client("http") as client:
        other = client.recommend(users, top_k=TOP)
    same = np.array_equal(answer.item_ids, other.item_ids)
    if not (same and np.array_equal(answer.scores, other.scores)):
        raise ShortlistError("expected the same answer over gRPC and HTTP, got different ones.")
    log.info(f"queried {len(users)} users over gRPC and over HTTP: the answers are equal")
    return answer


def _show_answers(recipe: "Recipe", users: list[str], answer: "Recommendations") -> None:
    from rich.table import Table

    from scripts.console import show

    title_of = recipe.titles()
    rows = _training_rows(recipe)
    for user, items, scores in zip(users, answer.item_ids, answer.scores, strict=True):
        liked = [title_of.get(item, item) for item in _favourites(recipe, rows, user)]
        table = Table(
            title=f"User {user}, who recently liked: {'; '.join(liked)}", title_justify="left"
        )
        table.add_column("#", justify="right")
        table.add_column("recommended")
        table.add_column("score", justify="right")
        for place, (item, score) in enumerate(zip(items, scores, strict=True), start=1):
            if item:
                table.add_row(str(place), title_of.get(item, item), f"{score:.4f}")
        show(table)


def _training_rows(recipe: "Recipe"):  # type: ignore[no-untyped-def]
    """The training part with raw ids, as a pandas DataFrame."""
    import pandas as pd

    prepared = recipe.artifacts.prepared
    parts = [pd.read_parquet(prepared.raw_interactions(part)) for part in ("train", "valid")]
    return pd.concat(parts, ignore_index=True)


def _favourites(recipe: "Recipe", rows, user: str) -> list[str]:  # type: ignore[no-untyped-def]
    """Raw ids of a user's best-rated items, most recent first; without ratings, of all items."""
    columns = recipe.settings.columns
    own = rows[rows[columns.user].astype(str) == user]
    if columns.label is not None:
        own = own[own[columns.label] == own[columns.label].max()]
    if columns.timestamp is not None:
        own = own.sort_values(columns.timestamp, kind="stable")
    return [str(item) for item in own[columns.item][::-1][:FAVOURITES]]
