"""Events as JSON lines, from a file or a pipe -> the feature store."""

import math
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from ensemble.feature_store.json_lines import parsed, raw_id
from runtime.stores.feature_store import Event, FeatureStore
from stages.errors import ShortlistError

FIELDS = ("user_id", "item_id", "event", "event_id", "time")
#: Bytes read at once and recorded together. A pipe returns what has arrived so far.
BLOCK = 4 << 20
_MARK = b"\xef\xbb\xbf"  # byte order mark: some editors start a file with it


def record_lines(
    store: FeatureStore,
    stream: BinaryIO,
    progress: Callable[[int, int], None],
    refusal: Callable[[Sequence[Event]], tuple[int, str] | None] = lambda events: None,
) -> None:
    """Record the event on each line.

    Args:
        stream: lines of ``{"user_id": …, "item_id": …}``, optionally with event, event_id and time
            (Unix seconds). Blank lines are skipped.
        progress: called after each block with its number of events, and how many of them were new.
        refusal: the number of the first of some events that must not be recorded, and why
            (``KnownEvents.first_refusal``).

    Raises:
        ShortlistError: a line is not an event, or it is refused; names it. The events before it are
            recorded.
        StoreError: the store cannot be written. Part of the last block may be recorded.
    """
    number, rest, ended = 0, b"", False
    while not ended:
        block = stream.read1(BLOCK)  # type: ignore[attr-defined]
        *lines, rest = (rest + block).split(b"\n")
        if not block:
            lines, rest, ended = [rest], b"", True
        events: list[Event] = []
        numbers: list[int] = []
        problem = None
        for line in lines:
            number += 1
            try:
                if number == 1:
                    line = line.removeprefix(_MARK)
                if line.strip():
                    events.append(_event(line))
                    numbers.append(number)
            except ValueError as error:
                problem = f"line {number}: {error}."
                break
        if (refused := refusal(events)) is not None:
            problem = f"line {numbers[refused[0]]}: {refused[1]}."
            del events[refused[0] :]
        progress(len(events), store.record(events))
        if problem:
            raise ShortlistError(
                f"{problem} The events before it are recorded. Fix the line and run this again: an "
                "event with an event_id or a time counts once."
            )


def _event(line: bytes) -> Event:
    value = parsed(line, FIELDS)
    user_id, item_id = raw_id(value, "user_id"), raw_id(value, "item_id")
    event = "interaction" if value.get("event") is None else value["event"]
    if not isinstance(event, str) or not event:
        raise ValueError(f"expected event to be a name, got {event!r}")
    event_id = None if value.get("event_id") is None else raw_id(value, "event_id")
    return Event.of(user_id, item_id, event, event_id, _time(value.get("time")))


def _time(given: Any) -> float | None:
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if given is None or (number and math.isfinite(given)):
        return given
    raise ValueError(f"expected time to be a number of Unix seconds, got {given!r}")
