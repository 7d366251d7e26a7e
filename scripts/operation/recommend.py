"""Ask a running server (see `shortlist serve`) for recommendations.

Examples:
  shortlist recommend movielens-100k --user 196
  shortlist recommend movielens-100k --user 196 --user 22 --top 5 --protocol http --json
  shortlist recommend ratings --user 196 --item 50 --item 313     (scores of these items only)
  shortlist recommend movielens-100k --user 196 --filter 'genres has "Drama" and year >= 1990'
  shortlist recommend movielens-100k --user new --feature age=31 --feature occupation=artist
  shortlist recommend movielens-100k --user 196 --why 50 --why 181
  shortlist recommend movielens-100k --similar-to 50
  shortlist recommend ./shop.toml --user 7 --rules 'pin=[{"item": "p1", "place": 1}]'
"""

import json
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from runtime.request_options import OPTIONS, USER_ID, Option
from scripts.arguments import add_recipe, named_values, number, opened, whole_number
from stages.errors import ShortlistError

if TYPE_CHECKING:
    from shortlist import Recipe

#: What an explanation adds to the rank and score of an item.
FACTS = ("retrieval_rank", "retrieval_score", "ranker_rank", "ranker_score")


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    for option in OPTIONS:
        _add_option(parser, option)
    parser.add_argument(
        "--protocol", choices=["grpc", "http"], default="grpc", help="default: %(default)s"
    )
    parser.add_argument(
        "--url",
        metavar="HOST:PORT",
        help="the server's address for this protocol (default: the one started by `shortlist serve`)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _add_option(parser: ArgumentParser, option: Option) -> None:
    if option.type == "bool":
        parser.add_argument(option.flag, dest=option.name, action="store_true", help=option.doc)
        return
    repeated = option.several or option.type == "json" or option is USER_ID
    types: dict[str, Any] = {"int32": whole_number, "int64": whole_number, "float": number}
    read = types[option.type](option.least) if option.type in types else str
    parser.add_argument(
        option.flag,
        dest=option.name,
        action="append" if repeated else "store",
        type=read,
        metavar=option.metavar,
        help=option.doc + "; may be repeated" * repeated,
    )


def _asked(arguments: Namespace, users: list[str]) -> dict[str, Any]:
    """The given options, as ``Client.recommend`` takes them."""
    asked: dict[str, Any] = {}
    for option in OPTIONS:
        value = getattr(arguments, option.name)
        if option is USER_ID or value in (None, False):
            continue
        if option.type == "json":
            value = named_values(value, f"{option.flag} {option.metavar}")
        asked[option.name] = [value] * len(users) if option.several else value
    return asked


def run(arguments: Namespace) -> None:
    recipe = opened(arguments)
    from ensemble.triton.client import Client

    if not arguments.user_id and not arguments.similar_to:
        raise ShortlistError("expected --user ID, or --similar-to ID of an item, got neither.")
    users = arguments.user_id or [""]
    url = arguments.url or _running(recipe, arguments.protocol)
    with Client(url, arguments.protocol) as client:
        answer = client.recommend(users, **_asked(arguments, users))
    title_of = recipe.titles()
    rows = zip(
        users,
        answer.known_user.tolist(),
        answer.degraded.tolist(),
        answer.explanations,
        answer.item_ids.tolist(),
        answer.scores.tolist(),
        strict=True,
    )
    answers = [
        {
            "user_id": user,
            "known_user": known,
            "degraded": degraded,
            # If fewer items remain than requested, the tail is empty.
            "recommendations": [
                {"item_id": item, "title": title_of.get(item), "score": score}
                for item, score in zip(items, scores, strict=True)
                if item
            ],
            **({"explanation": explanation} if explanation else {}),
        }
        for user, known, degraded, explanation, items, scores in rows
    ]
    if arguments.json:
        print(json.dumps(answers, ensure_ascii=False, indent=2))
    else:
        _print_tables(answers)


def _running(recipe: "Recipe", protocol: str) -> str:
    address = recipe.server()
    if address is None:
        raise ShortlistError(
            "expected a running server of this recipe on this machine, found none. Start one in "
            f"another terminal with: shortlist serve {recipe.settings.given_as} (or name one "
            "elsewhere with --url)."
        )
    return address.grpc if protocol == "grpc" else address.http


def _print_tables(answers: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from scripts.console import say, show

    for answer in answers:
        table = Table(title=_title(answer), title_justify="left")
        explanation = answer.get("explanation", {"items": [], "named": []})
        known = [name for name in FACTS if any(name in each for each in explanation["items"])]
        table.add_column("#", justify="right")
        table.add_column("item")
        table.add_column("title")
        table.add_column("score", justify="right")
        for name in known:
            table.add_column(name.replace("_", " "), justify="right")
        ruled = any("rules" in each for each in explanation["items"])
        if ruled:
            table.add_column("rules")
        facts = {each["item_id"]: each for each in explanation["items"]}
        for place, item in enumerate(answer["recommendations"], start=1):
            more = [_shown(facts[item["item_id"]].get(name)) for name in known]
            more += [_rules(facts[item["item_id"]])] if ruled else []
            shown = (item["item_id"], item["title"] or "", f"{item['score']:.4f}")
            table.add_row(str(place), *shown, *more)
        show(table)
        for each in explanation["named"]:
            say(f"{each['item_id']}: {each['reason'].replace('_', ' ')}, {each['detail']}")


def _rules(facts: dict[str, Any]) -> str:
    """The rules that apply to an item, such as ``boost (when brand == 'own', factor 1.2)``."""
    shown = []
    for rule in facts.get("rules", []):
        keys = ", ".join(f"{key} {value}" for key, value in rule.items() if key != "rule")
        shown.append(f"{rule['rule']} ({keys})")
    return "; ".join(shown)


def _title(answer: dict[str, Any]) -> str:
    if answer["degraded"]:
        return f"User {answer['user_id']} (feature store unreachable)"
    unknown = "" if answer["known_user"] else " (unknown user)"
    return f"User {answer['user_id']}{unknown}" if answer["user_id"] else "Similar items"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
