"""The feature store: what the server knows about users at request time.

`load` fills it from the recipe's data, as `shortlist export` does; with --file or --feast it changes
only the features given there. `set` changes features of one user, `get` shows one user.

Examples:
  shortlist features load movielens-100k
  shortlist features load ./shop.toml --file users.parquet
  shortlist features load ./shop.toml --feast feature_repo --view customers
  shortlist features get movielens-100k --user 196 --json
  shortlist features set movielens-100k --user 196 age=31 occupation=artist gender=null
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
    actions = parser.add_subparsers(metavar="load|get|set", required=True, dest="action")
    load = actions.add_parser("load", help="fill it from the recipe's data, a file or Feast")
    get = actions.add_parser("get", help="show one user")
    put = actions.add_parser("set", help="change one user's features")
    for action in (load, get, put):
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
            _show(arguments, store)
        else:
            _set(arguments, recipe.settings, store)


def _load(
    arguments: Namespace, recipe: "Recipe", artifacts: Artifacts, store: "FeatureStore"
) -> None:
    from ensemble.feature_store.choice import store_of
    from ensemble.feature_store.user_features import put_features, read_features
    from ensemble.feature_store.user_records import fill_feature_store
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
        say(f"feature store {'filled' if filled else 'up to date'}: {place}")


def _show(arguments: Namespace, store: "FeatureStore") -> None:
    (record,) = store.get_many([arguments.user])
    if record is None:
        raise ShortlistError(f"expected a user in the feature store, got '{arguments.user}'.")
    if arguments.json:
        shown = {
            "user_id": arguments.user,
            "features": record.features,
            "interactions": record.interactions,
            "recorded": record.recorded,
        }
        print(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    from rich.table import Table

    from scripts.console import show

    table = Table(title=f"User {arguments.user}", title_justify="left", show_header=False)
    for name, value in record.features.items():
        table.add_row(name, json.dumps(value, ensure_ascii=False))
    table.add_row("interactions", f"{len(record.interactions):,}, {record.recorded:,} recorded")
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
