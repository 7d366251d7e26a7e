"""A completed recipe as TOML, with who decided each setting."""

import json
import re
from collections.abc import Mapping
from typing import Any

from recipes.resolution.facts import Facts
from recipes.resolution.resolve import Resolved, is_written, resolve
from recipes.schema.recipe import Recipe
from stages.artifacts import Prepared
from stages.prerequisites import need

#: The tables that rules may complete; every setting of theirs is shown.
COMPLETED = ("retriever", "linear", "transitions", "als", "repeat", "ranker", "serving")


def explained(recipe: Recipe, prepared: Prepared | None) -> str:
    """``as_toml`` of a recipe, with the rules' decisions if ``prepared`` is given.

    Raises:
        ShortlistError: nothing is prepared.
    """
    if prepared is None:
        return as_toml(recipe, Resolved(recipe, {}))
    need(prepared.facts, "prepare", recipe.given_as)
    return as_toml(recipe, resolve(recipe, Facts.read(prepared.facts)))


def as_toml(written: Recipe, resolved: Resolved) -> str:
    """Return a recipe that decides everything itself, whatever the data; paths are absolute.

    Args:
        written: the recipe before any rule.
    """
    content = written.model_dump(mode="json", exclude_unset=True)
    lines = [
        f"{key(name)} = {toml(value)}" for name, value in content.items() if not _is_table(value)
    ]
    for name, value in content.items():
        if _is_table(value) and name not in COMPLETED:
            lines += ["", f"[{name}]", *(f"{key(each)} = {toml(of)}" for each, of in value.items())]
    for name in COMPLETED:
        lines += ["", f"[{name}]", *_settings(written, resolved, name)]
    return "\n".join(lines) + "\n"


def _settings(written: Recipe, resolved: Resolved, table: str) -> list[str]:
    options = getattr(resolved.recipe, table)
    content = options.model_dump(mode="json", exclude_none=True)
    lines = []
    for name, value in content.items():
        other, values = type(options).READ_WHERE.get(name, (None, ()))
        if other is not None and content.get(other) not in values:
            continue  # this kind does not read it
        full = f"{table}.{name}"
        who = "default"
        if is_written(written, full):
            who = "recipe"
        elif full in resolved.decisions:
            who = f"rule: {resolved.decisions[full].reason}"
        lines.append(f"{key(name)} = {toml(value)}  # {who}")
    return lines


def toml(value: Any) -> str:
    """A value as TOML spells it, a table inline."""
    if isinstance(value, Mapping):
        inner = ", ".join(
            f"{key(name)} = {toml(of)}" for name, of in value.items() if of is not None
        )
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def key(name: str) -> str:
    """A key of TOML: bare if it may be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)
