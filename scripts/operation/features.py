"""The feature store: what the server knows about users at request time.

`load` fills it from the recipe's prepared data, as `shortlist export` does: for the releases made of these
data. With --file or --feast it sets the features given there, `set` those of one user: they are live, which
means that they count at once, for every release, and before those of the data. `clear` removes live features.
`get` shows one user as the served release sees it.

Examples:
  shortlist features load movielens-100k
  shortlist features load ./shop.toml --file users.parquet
  shortlist features load ./shop.toml --feast feature_repo --view customers
  shortlist features get movielens-100k --user 196 --json
  shortlist features set movielens-100k --user 196 age=31 occupation=artist gender=null
  shortlist features clear movielens-100k --user 196
"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.arguments import add_recipe, named_values, opened
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

if TYPE_CHECKING:
    from recipes.schema.recipe import Recipe
    from runtime.stores.feature_store import FeatureStore


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="load|get|set|clear", required=True, dest="action")
    load = actions.add_parser("load", help="fill it from the recipe's data, a file or Feast")
    get = actions.add_parser("get", help="show one user")
    put = actions.add_parser("set", help="set live features of one user")
    clear = actions.add_parser(
        "clear", help="remove live features, so that those of the data count"
    )
    for action in (load, get, put, clear):
        add_recipe(action)
    given = load.add_mutually_exclusive_group()
    given.add_argument(
        "--file",
        type=Path,
        metavar="FILE",
        help=".jsonl or .parquet with the recipe's user column and some of its user features",
    )
    given.add_argument(
        "--feast", type=Path, metavar="FOLDER", help="a Feast repository (needs the extra feast)"
    )
    load.add_argument("--view", metavar="NAME", help="the repository's feature view of users")
    load.add_argument(
        "--offline",
        action="store_true",
        help="read Feast's offline store instead of the online one",
    )
    for action in (get, put):
        action.add_argument("--user", required=True, metavar="ID", help="the id as in the data")
    get.add_argument("--json", action="store_true", help="print JSON instead of a table")
    whose = clear.add_mutually_exclusive_group(required=True)
    whose.add_argument("--user", metavar="ID", help="the id as in the data")
    whose.add_argument("--all", action="store_true", help="of every user")
    put.add_argument(
        "values",
        nargs="+",
        metavar="NAME=VALUE",
        help="a value in JSON (31, null, [1, 2]); anything else is text",
    )


def run(arguments: Namespace) -> None:
    recipe = opened(arguments)
    with recipe.feature_store(read_only=arguments.action == "get") as store:
        if arguments.action == "load":
            _load(arguments, recipe.settings, recipe.artifacts, store)
        elif arguments.action == "get":
            _show(arguments, recipe.artifacts, store)
        elif arguments.action == "set":
            _set(arguments, recipe.settings, store)
        else:
            _clear(arguments, store)


def _load(
    arguments: Namespace, recipe: "Recipe", artifacts: Artifacts, store: "FeatureStore"
) -> None:
    from ensemble.feature_store.choice import store_of
    from ensemble.feature_store.user_features import put_features, read_features
    from ensemble.feature_store.user_records import fill_feature_store
    from ensemble.releases.records import read_records
    from scripts.console import say

    place = store_of(recipe, artifacts)
    if (arguments.feast is None) != (arguments.view is None):
        raise ShortlistError("expected --feast FOLDER and --view NAME together, got only one.")
    if arguments.feast is not None:
        from ensemble.feature_store.feast import feast_features

        users = feast_features(
            recipe, artifacts, arguments.feast, arguments.view, offline=arguments.offline
        )
        say(f"stored features of {put_features(store, users):,} users in {place}")
    elif arguments.file is not None:
        for _ in read_features(recipe, arguments.file):
            pass  # find an invalid line before writing anything
        users = read_features(recipe, arguments.file)
        say(f"stored features of {put_features(store, users):,} users in {place}")
    else:
        filled = fill_feature_store(recipe, artifacts, store)
        say(f"feature store {'filled' if filled.now else 'up to date'}: {place}")
        if filled.version not in read_records(artifacts):
            say(f"no release was made of these data yet: shortlist export {recipe.given_as}")


def _show(arguments: Namespace, artifacts: Artifacts, store: "FeatureStore") -> None:
    from ensemble.releases.records import served_records

    (record,) = store.get_many([arguments.user], served_records(artifacts))
    if record is None:
        raise ShortlistError(f"expected a user in the feature store, got '{arguments.user}'.")
    if arguments.json:
        shown = {
            "user_id": arguments.user,
            "features": record.features,
            "interactions": record.interactions,
            "recorded": record.recorded,
            "earlier": record.earlier,
        }
        print(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    from rich.table import Table

    from scripts.console import show

    table = Table(title=f"User {arguments.user}", title_justify="left", show_header=False)
    for name, value in record.features.items():
        table.add_row(name, json.dumps(value, ensure_ascii=False))
    total = record.earlier + len(record.interactions)
    table.add_row("interactions", f"{total:,}, {record.recorded:,} recorded")
    table.add_row("last 10, oldest first", " ".join(record.interactions[-10:]))
    show(table)


def _set(arguments: Namespace, recipe: "Recipe", store: "FeatureStore") -> None:
    from ensemble.feature_store.user_features import checked, put_features
    from scripts.console import say

    try:
        features = checked(recipe, named_values(arguments.values, "NAME=VALUE"))
    except ValueError as error:
        raise ShortlistError(f"{error}.") from error
    put_features(store, [(arguments.user, features)])
    say(f"user {arguments.user}: set {', '.join(features)}")


def _clear(arguments: Namespace, store: "FeatureStore") -> None:
    from scripts.console import say

    store.clear_features(None if arguments.all else [arguments.user])
    whose = "every user" if arguments.all else f"user {arguments.user}"
    say(f"{whose}: no live features")
