"""A release answers in this process before it is served, by the code that it carries itself.

The code of today may read no release of an older form, and to go back to one is what a rollback is
for: so the release's own ``runtime/`` is imported, as Triton does it.
"""

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from ensemble.triton.control import Answer
from runtime.stores.feature_store import FeatureStore
from stages.errors import ShortlistError

KNOWN_USERS = 8
_PACKAGE = "shortlist_release_on_trial"


@dataclass(frozen=True)
class Trial:
    """A loaded release and whom it was asked for: some users of its vocabulary, and a stranger."""

    version: int
    users: list[str]
    plan: Any

    def answer(self, user: str) -> Answer:
        """What the server must answer for this user, to the bit."""
        answers = self.plan.recommend([user])
        return Answer(self.version, answers.item_ids[0].tolist(), answers.scores[0].tolist())


@contextmanager
def on_trial(release: Path, store: FeatureStore) -> Iterator[Trial]:
    """Load a release whose files were checked, and see that it answers sensibly.

    Raises:
        ShortlistError: it does not load, or an answer lacks items, has a score that is no number,
            or names an item that is not in the catalogue.
    """
    with _own_runtime(release):
        try:
            plan = importlib.import_module(f"{_PACKAGE}.plan").load_verified(release, store)
            users = [*_known_users(release), f"nobody {uuid4().hex}"]
            for user in users:
                _check(plan, user)
        except Exception as error:  # whatever code of another time raises
            raise ShortlistError(
                f"release {release.name} does not answer as it should: {error}"
            ) from error
        yield Trial(int(release.name), users, plan)


def _known_users(release: Path) -> list[str]:
    """Some raw ids of the release's vocabulary, which releases of every age hold alike."""
    folder = release / "encoding"
    encoding = json.loads((folder / "encoding.json").read_text(encoding="utf-8"))
    vocabulary = json.loads((folder / encoding["user"]["vocabulary"]).read_text(encoding="utf-8"))
    return list(vocabulary[:KNOWN_USERS])


def _check(plan: Any, user: str) -> None:
    answers = plan.recommend([user])
    items, scores = answers.item_ids, answers.scores
    if items.ndim != 2 or len(items) != 1 or scores.shape != items.shape:
        raise ValueError(f"items {items.shape} and scores {scores.shape} for one user")
    given = [item for item in items[0] if item]
    if not given and user.startswith("nobody "):
        raise ValueError("no item for a user whom nobody knows")
    if not np.isfinite(scores[0, : len(given)]).all():
        raise ValueError(f"a score of user {user!r} is no finite number: {scores[0].tolist()}")
    # An item that is not in the catalogue has the score of minus infinity.
    missing = [
        item
        for item, score in zip(given, plan.score([user] * len(given), given), strict=True)
        if not np.isfinite(score)
    ]
    if missing:
        raise ValueError(f"user {user!r} gets {missing}, which are not in the catalogue")


@contextmanager
def _own_runtime(release: Path) -> Iterator[None]:
    """The release's runtime, importable under a name of its own while the block runs."""
    folder = release / "runtime"
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    # A compiled copy would be a file of the release that no manifest knows.
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        module = importlib.util.module_from_spec(spec)
        sys.modules[_PACKAGE] = module
        spec.loader.exec_module(module)
        yield
    finally:
        sys.dont_write_bytecode = writes
        for name in [name for name in sys.modules if name.split(".")[0] == _PACKAGE]:
            del sys.modules[name]
