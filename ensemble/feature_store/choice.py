"""The feature store of a recipe: its commands write and read it, its server reads it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recipes.schema.recipe import Recipe
from runtime.errors import StoreError
from runtime.stores.feature_store import FeatureStore
from runtime.stores.open_store import open_store
from runtime.stores.urls import is_url, without_secrets
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

#: A path or a URL in it overrides the recipe's ``serving.store``. Secrets belong only here.
VARIABLE = "SHORTLIST_FEATURE_STORE"


@dataclass(frozen=True)
class ChosenStore:
    """A store that need not exist yet. ``where``: an absolute path, or a URL with its secrets."""

    where: str = field(repr=False)
    recipe: str
    deadline_ms: int
    kept: int

    def __str__(self) -> str:
        if is_url(self.where):
            return without_secrets(self.where)
        path, here = Path(self.where), Path.cwd()
        return str(path.relative_to(here) if path.is_relative_to(here) else path)

    def open(self, *, read_only: bool = False) -> FeatureStore:
        """Open it for a command, without a deadline. For writing, create the folder of a file."""
        if not (read_only or is_url(self.where)):
            Path(self.where).parent.mkdir(parents=True, exist_ok=True)
        return open_store(
            self.where, recipe=self.recipe, deadline_s=None, read_only=read_only, kept=self.kept
        )

    def for_plan(self, repository: Path) -> dict[str, Any]:
        """Its entry in a release: without secrets, a path relative to the model repository."""
        where = str(self) if is_url(self.where) else os.path.relpath(self.where, repository)
        return {
            "where": where,
            "recipe": self.recipe,
            "deadline_ms": self.deadline_ms,
            "kept": self.kept,
        }


def store_of(recipe: Recipe, artifacts: Artifacts) -> ChosenStore:
    """The store named by the environment, or else by the recipe."""
    serving = recipe.serving
    where = os.environ.get(VARIABLE) or serving.store
    if where == "sqlite":
        where = str(artifacts.feature_store)
    if not is_url(where):
        where = str(Path(where).absolute())
    return ChosenStore(where, recipe.name, serving.store_deadline_ms, serving.interactions_kept)


@contextmanager
def opened_store(
    recipe: Recipe, artifacts: Artifacts, *, read_only: bool = False
) -> Iterator[FeatureStore]:
    """Open the store of a recipe for the block, and close it at the end.

    Raises:
        ShortlistError: the store cannot be read or written; explains what to do.
    """
    with explained(recipe):
        store = store_of(recipe, artifacts).open(read_only=read_only)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def explained(recipe: Recipe) -> Iterator[None]:
    """Turn a ``StoreError`` in the block into a ``ShortlistError`` that explains what to do."""
    try:
        yield
    except StoreError as error:
        raise ShortlistError(f"{str(error).rstrip('.')}. {_remedy(error, recipe)}") from error


def _remedy(error: StoreError, recipe: Recipe) -> str:
    export = f"`shortlist export {recipe.given_as}`"
    cause = error.__cause__
    if cause is None:
        return f"Run: shortlist export {recipe.given_as}"
    if not isinstance(cause, sqlite3.Error):
        return f"Check that it is running with free memory, and check serving.store or {VARIABLE}."
    if cause.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "Another program is writing to it. Try again when that has finished."
    # SQLite raises OperationalError if the system refuses, and another error for bad file content.
    if isinstance(cause, sqlite3.OperationalError):
        return f"Free disk space or check its permissions, then run {export}."
    return f"Delete the file (this deletes the recorded events too), then run {export}."
