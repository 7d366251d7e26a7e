"""Write the best settings as a recipe: the user's own text, with the changed keys and what each brought."""

import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.tuning.brought import Brought, value_of
from recipes.editing import Change, as_text, as_toml, edited
from recipes.schema.recipe import Recipe
from stages.atomic import atomic_file
from stages.errors import ShortlistError

#: Characters of a line of a comment.
WIDTH = 100


def require_writable(path: Path) -> None:
    """Refuse a path that cannot become the recipe's file.

    Raises:
        ShortlistError: it is a folder, or not a TOML file.
    """
    if path.is_dir() or path.suffix != ".toml":
        raise ShortlistError(
            f"expected the path of a TOML file to write the best recipe to, got {path}; "
            "give one such as ./tuned.toml."
        )


def write(
    recipe: Recipe,
    settings: Mapping[str, Any],
    brought: Mapping[str, Brought],
    heading: Sequence[str],
    path: Path,
) -> None:
    """Write ``recipe`` with other ``settings`` to ``path``, each with a comment on what it ``brought``.

    Raises:
        ShortlistError: the file cannot be written.
    """
    top = [line for each in heading for line in textwrap.wrap(each, WIDTH)]
    text = _text(recipe)
    changes = {key: Change(value) for key, value in _moved(recipe, text, path).items()}
    # Set since the file was read, by the user or by rules: as it was searched, so it will be trained.
    changes |= {
        key: Change(value, ("tune: as searched.",)) for key, value in recipe._changes.items()
    }
    for key, value in settings.items():
        if value_of(recipe, key) != value:
            changes[key] = Change(value, tuple(_comment(recipe, key, brought.get(key))))
    try:
        with atomic_file(path) as temporary:
            temporary.write_text(edited(text, changes, top), encoding="utf-8")
    except OSError as error:
        raise ShortlistError(
            f"expected to write the best recipe to {path}, got: {error.strerror}. Give another path with "
            "--write; the trials are stored, so the search does not start again."
        ) from error


def _text(recipe: Recipe) -> str:
    if recipe._path is None:
        return as_text(recipe.model_dump(mode="json", exclude_unset=True, exclude_none=True))
    return recipe._path.read_text(encoding="utf-8")


def _moved(recipe: Recipe, text: str, path: Path) -> dict[str, Any]:
    """The keys of the source with paths that are relative to a file in another folder, as absolute paths."""
    if recipe._path is None or recipe._path.parent == path.resolve().parent:
        return {}
    written = tomllib.loads(text)["source"]
    found = {**recipe.source.paths, "connection": recipe.source.connection}
    return {
        f"source.{name}": value
        for name, value in found.items()
        if value is not None and written.get(name) != value
    }


def _comment(recipe: Recipe, key: str, brought: Brought | None) -> list[str]:
    before = value_of(recipe, key)
    was = "not set before" if before is None else f"{as_toml(before)} before"
    what = "not read beside the other settings" if brought is None else f"brought {brought}"
    return textwrap.wrap(f"tune: {was}; {what}.", WIDTH)
