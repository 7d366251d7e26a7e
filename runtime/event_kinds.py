"""What a recorded event of each kind counts as: part of the history, of what is seen, both or neither."""

import json
from dataclasses import dataclass
from pathlib import Path

#: The file of a release; there is none if the recipe does not tell kinds apart.
NAME = "event_kinds.json"


@dataclass(frozen=True)
class EventKinds:
    """The kinds of events, sorted: all of them, those of the history, and those after which an item is seen.

    ``column``: where the kinds come from.
    """

    column: str
    known: tuple[str, ...]
    history: tuple[str, ...]
    seen: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "EventKinds | None":
        """The kinds in a file; None if there is none, because the recipe does not tell kinds apart."""
        if not path.exists():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(content.pop("column"), **{name: tuple(each) for name, each in content.items()})
