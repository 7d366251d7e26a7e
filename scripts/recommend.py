"""Ask a running server (see `shortlist serve`) for users' recommendations.

Examples:
  shortlist recommend movielens-100k --user 196
  shortlist recommend movielens-100k --user 196 --user 22 --top 5 --protocol http --json
  shortlist recommend ratings --user 196 --item 50 --item 313     (scores of these items alone)
"""

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from recipes.artifacts import Artifacts
from recipes.errors import ShortlistError
from scripts.arguments import add_recipe, opened, whole_number
from sources.titles import titles


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument(
        "--user",
        dest="users",
        action="append",
        required=True,
        metavar="ID",
        help="a user's id as it is in the data; give it again for several users",
    )
    parser.add_argument(
        "--top",
        type=whole_number(1),
        metavar="N",
        help="items for each user (default: the recipe's, or every --item)",
    )
    parser.add_argument(
        "--item",
        dest="items",
        action="append",
        metavar="ID",
        help="score this item for each user instead of finding some; give it again for several",
    )
    parser.add_argument(
        "--protocol", choices=["grpc", "http"], default="grpc", help="default: %(default)s"
    )
    parser.add_argument(
        "--url",
        metavar="HOST:PORT",
        help="the server's address for that protocol (default: the one `shortlist serve` started)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: Namespace) -> None:
    recipe, artifacts = opened(arguments)
    from ensemble.client import Client

    url = arguments.url or _running(artifacts, arguments.recipe, arguments.protocol)
    with Client(url, arguments.protocol) as client:
        candidates = [arguments.items] * len(arguments.users) if arguments.items else None
        answer = client.recommend(arguments.users, arguments.top, candidate_item_ids=candidates)
    title_of = titles(recipe, artifacts)
    rows = zip(
        arguments.users,
        answer.known_user.tolist(),
        answer.item_ids.tolist(),
        answer.scores.tolist(),
        strict=True,
    )
    answers = [
        {
            "user_id": user,
            "known_user": known,
            # Where fewer items remain than were asked for, the tail is empty.
            "recommendations": [
                {"item_id": item, "title": title_of.get(item), "score": score}
                for item, score in zip(items, scores, strict=True)
                if item
            ],
        }
        for user, known, items, scores in rows
    ]
    if arguments.json:
        print(json.dumps(answers, ensure_ascii=False, indent=2))
    else:
        _print_tables(answers)


def _running(artifacts: Artifacts, recipe: str, protocol: str) -> str:
    from ensemble.server import read_address

    address = read_address(artifacts)
    if address is None:
        raise ShortlistError(
            f"No server of this recipe runs here. Start one in another terminal with: "
            f"shortlist serve {recipe} (or name one elsewhere with --url)."
        )
    return address.grpc if protocol == "grpc" else address.http


def _print_tables(answers: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from scripts.console import show

    for answer in answers:
        unknown = "" if answer["known_user"] else " (nobody knows this user)"
        table = Table(title=f"User {answer['user_id']}{unknown}", title_justify="left")
        table.add_column("#", justify="right")
        table.add_column("item")
        table.add_column("title")
        table.add_column("score", justify="right")
        for place, item in enumerate(answer["recommendations"], start=1):
            shown = (item["item_id"], item["title"] or "", f"{item['score']:.4f}")
            table.add_row(str(place), *shown)
        show(table)
