"""Tries a release in this process before it is served, with the code that it carries.

The current code may be unable to read a release of an older format, which a rollback must be able to
return to: so the release's own ``runtime/`` is imported, as Triton does.
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
    """A loaded release and the users it answered: some of its vocabulary, and an unknown one."""

    version: int
    users: list[str]
    plan: Any

    def answer(self, user: str) -> Answer:
        """The answer that the server must give this user, bit for bit."""
        answers = self.plan.recommend([user])
        return Answer(self.version, answers.item_ids[0].tolist(), answers.scores[0].tolist())


@contextmanager
def on_trial(release: Path, store: FeatureStore) -> Iterator[Trial]:
    """Load a release whose files were checked, and check that it answers sensibly.

    Raises:
        ShortlistError: it does not load, or an answer lacks items, has a score that is not a finite
            number, or names an item that is not in the catalogue.
    """
    with _own_runtime(release):
        try:
            plan = importlib.import_module(f"{_PACKAGE}.plan").load_verified(release, store)
            users = [*_known_users(release), f"nobody {uuid4().hex}"]
            for user in users:
                _check(plan, user)
        except Exception as error:  # code of another version may raise anything
            raise ShortlistError(f"the trial of release {release.name} failed: {error}") from error
        yield Trial(int(release.name), users, plan)


def _known_users(release: Path) -> list[str]:
    """Some raw ids of the release's vocabulary, which releases of every version store alike."""
    folder = release / "encoding"
    encoding = json.loads((folder / "encoding.json").read_text(encoding="utf-8"))
    vocabulary = json.loads((folder / encoding["user"]["vocabulary"]).read_text(encoding="utf-8"))
    return list(vocabulary[:KNOWN_USERS])


def _check(plan: Any, user: str) -> None:
    answers = plan.recommend([user])
    items, scores = answers.item_ids, answers.scores
    if items.ndim != 2 or len(items) != 1 or scores.shape != items.shape:
        raise ValueError(
            f"expected items and scores [1, k] for user {user!r}, "
            f"got {items.shape} and {scores.shape}"
        )
    given = [item for item in items[0] if item]
    if not given and user.startswith("nobody "):
        raise ValueError("expected items for an unknown user, got none")
    if not np.isfinite(scores[0, : len(given)]).all():
        raise ValueError(f"expected finite scores for user {user!r}, got {scores[0].tolist()}")
    # An item that is not in the catalogue has a score of minus infinity.
    missing = [
        item
        for item, score in zip(given, plan.score([user] * len(given), given), strict=True)
        if not np.isfinite(score)
    ]
    if missing:
        raise ValueError(f"expected items of the catalogue for user {user!r}, got {missing}")


@contextmanager
def _own_runtime(release: Path) -> Iterator[None]:
    """Make the release's runtime importable under a separate name while the block runs."""
    folder = release / "runtime"
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    # A compiled copy would be a file in the release that the manifest does not list.
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
