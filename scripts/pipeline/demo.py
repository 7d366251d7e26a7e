"""All of it once: data, workflow, two models, evaluation, a release, a real Triton, and its answers.

What is up to date from an earlier run is kept, and said so.

Examples:
  shortlist demo
  shortlist demo movielens-100k --data-dir ~/ml-100k
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scripts.arguments import add_data_dir, opened
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

if TYPE_CHECKING:
    from ensemble.triton.client import Recommendations
    from ensemble.triton.server import Address
    from recipes.schema.recipe import Recipe

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
    recipe, artifacts = opened(arguments)
    from scripts.console import say, show

    began = time.monotonic()
    _make(arguments, recipe, artifacts, say)

    from ensemble.triton.server import running_server
    from evaluation.report import read_report, tables

    with _step("serve", say), running_server(artifacts, arguments.recipe) as server:
        say(f"Triton is ready at {server.address.grpc} (gRPC) and {server.address.http} (HTTP)")
        users = _some_users(recipe, artifacts)
        answer = _asked_twice(server.address, users, say)
    _show_answers(recipe, artifacts, users, answer)
    show(tables(read_report(artifacts.report)))
    say(f"done in {time.monotonic() - began:.0f} s; the server is stopped")


def _make(
    arguments: Namespace, recipe: "Recipe", artifacts: Artifacts, say: Callable[[str], None]
) -> None:
    """Every stage up to the release."""
    from ensemble.in_process import served_in_process
    from ensemble.releases.export import export
    from evaluation.evaluate import evaluate
    from models.train import train
    from sources.ingest import ingest
    from workflows.prepare import prepare

    with _step("prepare", say):
        ingest(recipe, artifacts, arguments.data_dir, say)
        prepare(recipe, artifacts, force=False, say=say)
    with _step("train", say):
        train(recipe, artifacts, force=False, say=say)
    with _step("evaluate", say):
        evaluate(recipe, artifacts, served_in_process, force=False, say=say)
    with _step("export", say):
        export(recipe, artifacts, force=False, say=say)


@contextmanager
def _step(name: str, say: Callable[[str], None]) -> Iterator[None]:
    began = time.monotonic()
    say(f"== {name}")
    yield
    say(f"   {name}: {time.monotonic() - began:.1f} s")


def _some_users(recipe: "Recipe", artifacts: Artifacts) -> list[str]:
    """Raw ids of users of little, usual and much activity in the training part."""
    counts = _training_rows(recipe, artifacts)[recipe.columns.user].value_counts(sort=False)
    by_activity = counts.sort_index().sort_values(kind="stable").index
    return [
        str(by_activity[(place + 1) * len(by_activity) // (USERS + 1)]) for place in range(USERS)
    ]


def _asked_twice(
    address: "Address", users: list[str], say: Callable[[str], None]
) -> "Recommendations":
    """The server's answer over gRPC, having checked that HTTP gives the same."""
    import numpy as np

    from ensemble.triton.client import Client

    with Client(address.grpc, "grpc") as client:
        answer = client.recommend(users, top_k=TOP)
    with Client(address.http, "http") as client:
        other = client.recommend(users, top_k=TOP)
    same = np.array_equal(answer.item_ids, other.item_ids)
    if not (same and np.array_equal(answer.scores, other.scores)):
        raise ShortlistError("expected gRPC and HTTP to give the same answer; they differ")
    say(f"asked for {len(users)} users over gRPC and over HTTP: the answers are equal")
    return answer


def _show_answers(
    recipe: "Recipe", artifacts: Artifacts, users: list[str], answer: "Recommendations"
) -> None:
    from rich.table import Table

    from scripts.console import show
    from sources.titles import titles

    title_of = titles(recipe, artifacts)
    rows = _training_rows(recipe, artifacts)
    for user, items, scores in zip(users, answer.item_ids, answer.scores, strict=True):
        liked = [title_of.get(item, item) for item in _favourites(recipe, rows, user)]
        table = Table(
            title=f"User {user}, who lately liked: {'; '.join(liked)}", title_justify="left"
        )
        table.add_column("#", justify="right")
        table.add_column("recommended")
        table.add_column("score", justify="right")
        for place, (item, score) in enumerate(zip(items, scores, strict=True), start=1):
            if item:
                table.add_row(str(place), title_of.get(item, item), f"{score:.4f}")
        show(table)


def _training_rows(recipe: "Recipe", artifacts: Artifacts):  # type: ignore[no-untyped-def]
    """The training part with raw ids, as a pandas DataFrame."""
    import pandas as pd

    parts = [
        pd.read_parquet(artifacts.prepared.raw_interactions(part)) for part in ("train", "valid")
    ]
    return pd.concat(parts, ignore_index=True)


def _favourites(recipe: "Recipe", rows, user: str) -> list[str]:  # type: ignore[no-untyped-def]
    """Raw ids of what a user liked best, the latest of it first."""
    columns = recipe.columns
    own = rows[rows[columns.user].astype(str) == user]
    if columns.label is not None:
        own = own[own[columns.label] == own[columns.label].max()]
    if columns.timestamp is not None:
        own = own.sort_values(columns.timestamp, kind="stable")
    return [str(item) for item in own[columns.item][::-1][:FAVOURITES]]
