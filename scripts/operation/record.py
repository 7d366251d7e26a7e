"""Record interactions as they happen; they take effect in the next answer.

An event with an id or a time counts once, however often it is recorded. An item that the latest release
does not know is refused, and so is a kind of event that the data lack, if the recipe tells kinds apart.

Examples:
  shortlist record movielens-100k --user 196 --item 50
  shortlist record ./shop.toml --user c7 --item p3 --event bought --event-id order-981-1
  shortlist record ./shop.toml --file events.jsonl     (user_id, item_id, event, event_id, time)
  tail -f events.jsonl | shortlist record ./shop.toml --file -
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from functools import partial
from typing import TYPE_CHECKING

from scripts.arguments import add_recipe, number, opened
from stages.errors import ShortlistError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runtime.stores.feature_store import Event, FeatureStore

    Refusal = Callable[[Sequence[Event]], tuple[int, str] | None]


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument("--user", metavar="ID", help="the id as in the data")
    parser.add_argument("--item", metavar="ID", help="the id as in the data")
    parser.add_argument(
        "--event",
        default="interaction",
        metavar="NAME",
        help="what happened (default: %(default)s)",
    )
    parser.add_argument(
        "--event-id", metavar="ID", help="unique id of the event (default: generated)"
    )
    parser.add_argument(
        "--time", type=number(), metavar="SECONDS", help="Unix time of the event (default: now)"
    )
    parser.add_argument(
        "--allow-new-items",
        action="store_true",
        help="record unknown items too; they count once a release knows them",
    )
    parser.add_argument(
        "--file", metavar="FILE", help="JSON, one event per line; - reads standard input"
    )


def run(arguments: Namespace) -> None:
    recipe = opened(arguments)
    given = (arguments.user is not None, arguments.item is not None, arguments.file is not None)
    if given not in ((True, True, False), (False, False, True)):
        raise ShortlistError(
            "expected --user ID and --item ID, or --file FILE, got another combination."
        )
    from ensemble.feature_store.known_events import KnownEvents
    from runtime.stores.feature_store import Event
    from scripts.console import say

    known = KnownEvents(recipe.settings, recipe.artifacts)
    if arguments.file is not None:
        refusal = partial(known.first_refusal, allow_new_items=arguments.allow_new_items)
        with recipe.feature_store() as store:
            _record_file(arguments.file, store, refusal)
        return
    event = Event.of(
        arguments.user, arguments.item, arguments.event, arguments.event_id, arguments.time
    )
    known.check(event, arguments.allow_new_items)
    with recipe.feature_store() as store:
        new = store.record([event])
        say("recorded" if new else "already recorded: it counts once")


def _record_file(file: str, store: "FeatureStore", refusal: "Refusal") -> None:
    from ensemble.feature_store.event_file import record_lines
    from scripts.console import say

    began, total, new = time.monotonic(), 0, 0

    def count(events: int, of_them_new: int) -> None:
        nonlocal total, new
        total, new = total + events, new + of_them_new

    try:
        if file == "-":
            record_lines(store, sys.stdin.buffer, count, refusal)
        else:
            with open(file, "rb") as stream:
                record_lines(store, stream, count, refusal)
    except FileNotFoundError:
        raise ShortlistError(f"expected a file at {file}, found none.") from None
    finally:
        seconds = max(time.monotonic() - began, 1e-3)
        if total:
            say(
                f"{total:,} events, {new:,} of them new, in {seconds:.1f} s "
                f"({total / seconds:,.0f} per second)"
            )
