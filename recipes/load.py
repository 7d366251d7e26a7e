"""Read a recipe by name or path, and explain in plain words what is wrong with it."""

import datetime
import json
import math
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Tag, ValidationError

from recipes.schema.data import EMBEDDED
from recipes.schema.recipe import Recipe
from runtime.did_you_mean import did_you_mean
from stages.configuration import kind_of, one_of
from stages.errors import ShortlistError
from stages.urls import is_url, scheme

FOLDER = Path(__file__).parent
#: Keys of older recipes, with their new names.
RENAMED_KEYS = {
    "serving.sources": "generators",
    "retriever.copies": "members",
    "ranker.copies": "members",
    "ranker.numbers": "features",
    "ranker.crosses": "crossed_features",
    "ranker.cross_bins": "crossed_bins",
}


def known_recipes() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name_or_path: str) -> Recipe:
    """Return the recipe called ``name_or_path`` under ``recipes/``, or the one in that TOML file.

    Paths of the source are relative to the TOML file and become absolute.

    Raises:
        ShortlistError: there is no such recipe or file, it is not TOML (with file and line), or it is
            not a valid recipe (with the path of every wrong key, what was expected, the value given and
            the nearest valid name).
    """
    path = _find(name_or_path)
    recipe = of_tables(_parse(path), str(path), path.resolve().parent)
    recipe._path = path.resolve()
    if path.parent != FOLDER:
        recipe._file = name_or_path
    return recipe


def of_tables(
    content: Mapping[str, Any], origin: str = "the recipe", folder: Path | None = None
) -> Recipe:
    """Return the recipe with the tables of a TOML file, given as Python's dicts, lists and values.

    Args:
        origin: the name of the recipe in messages.
        folder: what the paths of the source are relative to; by default the working directory.

    Raises:
        ShortlistError: as ``load`` does.
    """
    _refuse_what_json_cannot_say(content, "", origin)
    try:
        # Strict validation accepts a list for a tuple only from JSON.
        recipe = Recipe.model_validate_json(json.dumps(content))
    except ValidationError as error:
        lines = "\n".join(f"  - {_explain(problem)}" for problem in error.errors())
        raise ShortlistError(f"expected a valid recipe, got errors in {origin}:\n{lines}") from None
    return _with_absolute_paths(recipe, folder or Path.cwd())


def with_settings(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """The recipe with other values for some keys, such as ``{"retriever.seed": 7}``, validated again.

    Raises:
        ShortlistError: a key cannot have its value, or the values contradict each other.
    """
    content = recipe.model_dump(mode="json", exclude_unset=True)
    for key, value in settings.items():
        table, name = key.split(".")
        content.setdefault(table, {})[name] = value
    shown = ", ".join(f"{key} = {_shown(value)}" for key, value in settings.items())
    changed = of_tables(content, f"'{recipe.name}' with {shown}")
    changed._file, changed._path = recipe._file, recipe._path
    changed._changes = {**recipe._changes, **settings}
    return changed


def _find(name_or_path: str) -> Path:
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        path = Path(name_or_path)
        if not path.is_file():
            raise ShortlistError(
                f"expected a recipe file at {path}, found none. Give the path of a TOML file, or one of "
                f"the names that come with the project: {', '.join(known_recipes())}."
            )
        return path
    if name_or_path not in known_recipes():
        raise ShortlistError(
            f"expected a known recipe, got '{name_or_path}'"
            f"{did_you_mean(name_or_path, known_recipes())}. "
            f"Known recipes: {', '.join(known_recipes())}. "
            "Give your own recipe by its path, such as ./shop.toml."
        )
    return FOLDER / f"{name_or_path}.toml"


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ShortlistError(
            f"expected a readable recipe at {path}, got an error: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise ShortlistError(
            f"expected a TOML file in UTF-8 at {path}, got invalid UTF-8 at byte {error.start}. Save "
            "it as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error))
        where, what = (f"{path}:{found[2]}:{found[3]}", found[1]) if found else (path, str(error))
        raise ShortlistError(f"{where}: expected valid TOML, got an error: {what}.") from error


def _refuse_what_json_cannot_say(value: Any, key: str, origin: str) -> None:
    """TOML has dates and infinities; no key of a recipe takes one."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_what_json_cannot_say(inner, f"{key}.{name}" if key else name, origin)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _refuse_what_json_cannot_say(inner, f"{key}[{number}]", origin)
    elif isinstance(value, datetime.date | datetime.time):
        raise ShortlistError(
            f"expected a valid recipe, got errors in {origin}:\n"
            f"  - {key}: expected a value other than a date or a time, got {value}. No key of a recipe "
            "takes one; put text between quotes."
        )
    elif isinstance(value, float) and not math.isfinite(value):
        raise ShortlistError(
            f"expected a valid recipe, got errors in {origin}:\n"
            f"  - {key}: expected a finite number, got {value}."
        )


def _explain(problem: Any) -> str:
    """One problem that pydantic found, as a line: the key's path, expected, got, did you mean."""
    kind, value = problem["type"], problem["input"]
    location, table, kinds = _resolved(problem["loc"])
    key = _dotted(location)
    if kind == "extra_forbidden":
        return f"{key}: {_unknown_key(key, str(location[-1]), table, kinds)}"
    if kind == "missing":
        return f"{key}: expected a value for this required key, got none."
    if kind == "union_tag_not_found":
        return f"{key}.kind: expected {one_of(kinds)}, got none."
    if kind == "union_tag_invalid":
        tag = problem["ctx"]["tag"]
        return f"{key}.kind: expected {one_of(kinds)}, got {_shown(tag)}{did_you_mean(tag, kinds)}."
    if kind == "literal_error":
        expected = problem["ctx"]["expected"]
        hint = did_you_mean(str(value), re.findall(r"'([^']*)'", expected))
        return f"{key}: expected {expected}, got {_shown(value)}{hint}."
    if kind == "value_error":
        text = str(problem["ctx"]["error"])
        return f"{key or 'the recipe'}: {text}."
    if kind == "model_type":
        return f"{key}: expected a table, such as [{key}], got {_shown(value)}."
    expected = problem["msg"].removeprefix("Input should be ").replace("should match", "matching")
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        expected = f"a value {expected}"
    return f"{key}: expected {expected[:1].lower()}{expected[1:]}, got {_shown(value)}."


def _unknown_key(
    key: str, name: str, table: type[BaseModel], kinds: Mapping[str, type[BaseModel]]
) -> str:
    """What is wrong with a key that a table does not have; ``kinds``: the kinds that the table can be of."""
    if key in RENAMED_KEYS:
        return f"expected `{RENAMED_KEYS[key]}`, which this key was renamed to, got `{name}`."
    if readers := [kind for kind, other in kinds.items() if name in other.model_fields]:
        chosen = next(kind for kind, other in kinds.items() if other is table)
        return (
            f"expected a key of kind '{chosen}', got one of kind {one_of(readers)}; remove it, or "
            "change the kind."
        )
    siblings = list(table.model_fields)
    hint = _elsewhere(name) or did_you_mean(name, siblings)
    return (
        f"expected a key of this table, got '{name}'{hint}. Valid keys here: {', '.join(siblings)}."
    )


def _dotted(location: Sequence[str | int]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _shown(value: Any) -> str:
    """A value as TOML spells it, truncated if it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _resolved(
    location: Sequence[str | int],
) -> tuple[list[str | int], type[BaseModel], Mapping[str, type[BaseModel]]]:
    """The keys as in the recipe, the table that holds the last one, and the kinds of that union, if any.

    pydantic's location contains the selected kind of a union among the keys.
    """
    keys: list[str | int] = []
    here: Any = Recipe
    table: type[BaseModel] = Recipe
    kinds: Mapping[str, type[BaseModel]] = {}
    for part in location:
        if found := tables_by_kind(here):
            here = table = found[str(part)]
            kinds = found
            continue
        keys.append(part)
        if isinstance(here, type) and issubclass(here, BaseModel):
            table = here
            field = here.model_fields.get(str(part))
            here = None if field is None else unwrapped(field.annotation)
        else:
            here = unwrapped((typing.get_args(here) or (None,))[-1])
    last = tables_by_kind(here)
    return keys, table, last or (kinds if kinds and table in kinds.values() else {})


def tables_by_kind(annotation: Any) -> dict[str, type[BaseModel]]:
    """The tables of a union selected by ``kind``; empty if the annotation is not such a union."""
    tables = [typing.get_args(one)[0] for one in typing.get_args(annotation) if _is_tagged(one)]
    return {kind_of(table): table for table in tables}


def _is_tagged(annotation: Any) -> bool:
    return any(isinstance(each, Tag) for each in getattr(annotation, "__metadata__", ()))


def unwrapped(annotation: Any) -> Any:
    """The type of a key's value; for an optional key, that of its value if present."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    arguments = typing.get_args(annotation)
    if type(None) in arguments:
        return next(each for each in arguments if each is not type(None))
    return annotation


def _all_keys(table: type[BaseModel] = Recipe, prefix: str = "") -> Iterator[str]:
    for name, field in table.model_fields.items():
        yield prefix + name
        inner = unwrapped(field.annotation)
        tables = list(tables_by_kind(inner).values())
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            tables = [inner]
        for each in tables:
            yield from _all_keys(each, f"{prefix}{name}.")


def _elsewhere(name: str) -> str:
    """A hint for a valid key that is in the wrong table."""
    places = dict.fromkeys(key for key in _all_keys() if key.endswith(f".{name}"))
    return f" (did you mean {' or '.join(places)}?)" if places else ""


def _with_absolute_paths(recipe: Recipe, folder: Path) -> Recipe:
    source = recipe.source
    paths = {
        name: path if is_url(path) else str(folder / path) for name, path in source.paths.items()
    }
    if source.connection is not None and scheme(source.connection) in EMBEDDED:
        start, _, path = source.connection.partition(":///")
        paths["connection"] = f"{start}:///{folder / path}"
    return recipe.model_copy(update={"source": source.model_copy(update=paths)})
