"""What ``prepare`` knows about the training part, for the rules that decide what a recipe does not say."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from stages.atomic import atomic_file


@dataclass(frozen=True)
class Facts:
    """Of the training part, which is train and valid: the test part decides nothing.

    ``interactions``: positives. ``users`` and ``items``: those with a positive. ``median_per_user``:
    positives of a user. ``held_out``: positives of valid, from which the ranker learns.
    """

    interactions: int
    users: int
    items: int
    median_per_user: float
    held_out: int

    def write(self, path: Path) -> None:
        """Write the facts as JSON, atomically."""
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Facts":
        """Read what ``write`` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))
