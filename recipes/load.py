"""Read a recipe by name or path, and say in a person's words what is wrong with it."""

import datetime
import difflib
import json
import math
import re
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from recipes.schema.recipe import Recipe
from stages.errors import ShortlistError

FOLDER = Path(__file__).parent


def known_recipes() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name_or_path: str) -> Recipe:
    """Return the recipe called ``name_or_path`` under ``recipes/``, or the one in that TOML file.

    Paths that a ``parquet`` source names become absolute; they are meant relative to the TOML file.

    Raises:
        ShortlistError: there is no such recipe or file, it is no TOML (with file and line), or it
            says something that a recipe cannot say (with every key's path, what was expected, what
            came and the nearest valid name).
    """
    path = _find(name_or_path)
    content = _parse(path)
    _refuse_what_json_cannot_say(content, "", path)
    try:
        # Strict validation takes a list for a tuple only out of JSON.
        recipe = Recipe.model_validate_json(json.dumps(content))
    except ValidationError as error:
        lines = "\n".join(f"  - {_explain(problem)}" for problem in error.errors())
        raise ShortlistError(f"{path} is not a valid recipe:\n{lines}") from None
    recipe = _with_absolute_paths(recipe, path.resolve().parent)
    if path.parent != FOLDER:
        recipe._file = name_or_path
    return recipe


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """``" Did you mean '...'?"`` for the most similar of ``known``, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def _find(name_or_path: str) -> Path:
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        path = Path(name_or_path)
        if not path.is_file():
            raise ShortlistError(
                f"There is no recipe file {path}. Expected a TOML file, or one of the names "
                f"that come with the project: {', '.join(known_recipes())}."
            )
        return path
    if name_or_path not in known_recipes():
        raise ShortlistError(
            f"There is no recipe '{name_or_path}'.{nearest(name_or_path, known_recipes())} "
            f"Known recipes: {', '.join(known_recipes())}. "
            "A recipe of your own is given by its path, such as ./shop.toml."
        )
    return FOLDER / f"{name_or_path}.toml"


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ShortlistError(f"Cannot read the recipe {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ShortlistError(
            f"{path} is not a TOML file: byte {error.start} is not UTF-8. Save it as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error))
        where, what = (f"{path}:{found[2]}:{found[3]}", found[1]) if found else (path, str(error))
        raise ShortlistError(f"{where}: not valid TOML: {what}.") from error


def _refuse_what_json_cannot_say(value: Any, key: str, path: Path) -> None:
    """TOML has dates and infinities; no key of a recipe takes one."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_what_json_cannot_say(inner, f"{key}.{name}" if key else name, path)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _refuse_what_json_cannot_say(inner, f"{key}[{number}]", path)
    elif isinstance(value, datetime.date | datetime.time):
        raise ShortlistError(
            f"{path} is not a valid recipe:\n"
            f"  - {key}: no key of a recipe takes a date or a time, and {value} came. "
            "If text is meant, put it between quotes."
        )
    elif isinstance(value, float) and not math.isfinite(value):
        raise ShortlistError(
            f"{path} is not a valid recipe:\n  - {key}: expected a finite number, and {value} came."
        )


def _explain(problem: Any) -> str:
    """One problem that pydantic found, as a line: the key's path, expected, came, nearest."""
    location, kind = problem["loc"], problem["type"]
    key, value = _dotted(location), problem["input"]
    if kind == "extra_forbidden":
        siblings = _keys_at(location[:-1])
        hint = _elsewhere(str(location[-1])) or nearest(str(location[-1]), siblings)
        return f"{key}: there is no such key.{hint} Valid keys here: {', '.join(siblings)}."
    if kind == "missing":
        return f"{key}: this key is missing, and a recipe needs it."
    if kind == "literal_error":
        expected = problem["ctx"]["expected"]
        hint = nearest(str(value), re.findall(r"'([^']*)'", expected))
        return f"{key}: expected {expected}, and {_shown(value)} came.{hint}"
    if kind == "value_error":
        return f"{key or 'the recipe'}: {problem['ctx']['error']}."
    if kind == "model_type":
        return f"{key}: expected a table, such as [{key}], and {_shown(value)} came."
    expected = problem["msg"].removeprefix("Input should be ").replace("should match", "matching")
    return f"{key}: expected {expected[:1].lower()}{expected[1:]}, and {_shown(value)} came."


def _dotted(location: tuple[str | int, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _shown(value: Any) -> str:
    """A value as TOML spells it, cut short."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys_at(location: tuple[str | int, ...]) -> list[str]:
    """Names that the table at ``location`` takes."""
    here: Any = Recipe
    for part in location:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = here.model_fields[str(part)].annotation
        else:
            here = typing.get_args(here)[-1]
        here = _table(here) or here
    return list(here.model_fields)


def _table(annotation: Any) -> type[BaseModel] | None:
    """The table that a key holds, also where it may be left out; None where it holds something else."""
    if type(None) in typing.get_args(annotation):
        annotation = typing.get_args(annotation)[0]
    is_table = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_table else None


def _all_keys(table: type[BaseModel] = Recipe, prefix: str = "") -> Iterator[str]:
    for name, field in table.model_fields.items():
        yield prefix + name
        if (inner := _table(field.annotation)) is not None:
            yield from _all_keys(inner, f"{prefix}{name}.")


def _elsewhere(name: str) -> str:
    """A hint for a key that is right and stands in the wrong table."""
    places = [key for key in _all_keys() if key.endswith(f".{name}")]
    return f" Did you mean {' or '.join(places)}?" if places else ""


def _with_absolute_paths(recipe: Recipe, folder: Path) -> Recipe:
    paths = {
        name: str(folder / value)
        for name in ("interactions", "users", "items")
        if (value := getattr(recipe.source, name)) is not None
    }
    return recipe.model_copy(update={"source": recipe.source.model_copy(update=paths)})
