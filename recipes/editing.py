"""Change keys in the text of a recipe, and keep its comments, order and layout."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """A key's new value; None removes the key. ``comment``: lines to write above it."""

    value: Any
    comment: tuple[str, ...] = ()


@dataclass
class _Statement:
    """Lines of the text: a table's header, a key with its value, or something else (no ``path``)."""

    lines: list[str]
    path: Path | None = None
    is_header: bool = False
    table: Path = field(default=())


def edited(text: str, changes: Mapping[str, Change], heading: Sequence[str] = ()) -> str:
    """The TOML text with other values for keys such as ``retriever.seed``, and comments above these.

    A key that the text does not have goes to the end of its table, a table that it does not have to the end
    of the text. Where the layout does not allow a change in place (a table in braces), the whole content is
    written anew, without the text's own comments. ``heading``: lines of a comment for the top.
    """
    top = [f"# {line}" for line in heading]
    expected = deepcopy(tomllib.loads(text))
    for key, change in changes.items():
        _set(expected, tuple(key.split(".")), change.value)
    try:
        statements = list(_statements(text.splitlines()))
        for key, change in changes.items():
            _change(statements, tuple(key.split(".")), change)
        changed = "\n".join([*top, *(line for each in statements for line in each.lines)]) + "\n"
        if tomllib.loads(changed) == expected:
            return changed
    except tomllib.TOMLDecodeError:
        pass
    return as_text(expected, {key: each.comment for key, each in changes.items()}, heading)


def as_text(
    content: Mapping[str, Any],
    comments: Mapping[str, Sequence[str]] | None = None,
    heading: Sequence[str] = (),
) -> str:
    """The tables of a recipe as TOML, in their order; comments above keys such as ``retriever.seed``."""
    notes = comments or {}
    lines = [f"# {line}" for line in heading]
    lines += [f"{as_key(name)} = {as_toml(value)}" for name, value in _values(content)]
    for name, table in _tables(content):
        lines += ["", f"[{as_key(name)}]"]
        for key, value in table.items():
            if value is None:
                continue
            lines += [f"# {line}" for line in notes.get(f"{name}.{key}", ())]
            lines.append(f"{as_key(key)} = {as_toml(value)}")
    return "\n".join(lines).lstrip("\n") + "\n"


def settings_as_text(settings: Mapping[str, Any]) -> str:
    """Settings by key, such as ``retriever.seed``, as lines to paste into a recipe."""
    tables: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        table, name = key.split(".", 1)
        tables.setdefault(table, {})[name] = value
    return as_text(tables)


def as_toml(value: Any) -> str:
    """A value as TOML spells it, with every digit of a float."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{as_key(key)} = {as_toml(each)}" for key, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def as_key(name: str) -> str:
    """A key as TOML spells it: bare if it may be."""
    bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare else as_toml(name)


def _values(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    items = content.items()
    return [
        (key, value) for key, value in items if not (value is None or isinstance(value, Mapping))
    ]


def _tables(content: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(key, value) for key, value in content.items() if isinstance(value, Mapping)]


def _set(content: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        content = content.get(name, {}) if value is None else content.setdefault(name, {})
    if value is None:
        content.pop(path[-1], None)
    else:
        content[path[-1]] = list(value) if isinstance(value, tuple) else value


def _statements(lines: list[str]) -> Iterator[_Statement]:
    """Divide the text; TOML's own parser says where a value of several lines ends."""
    table: Path = ()
    at = 0
    while at < len(lines):
        first = lines[at].strip()
        if not first or first.startswith("#"):
            yield _Statement([lines[at]], table=table)
            at += 1
            continue
        end = at + 1
        while (parsed := _parsed(lines[at:end])) is None and end < len(lines):
            end += 1
        path = _only_path(parsed or {})
        if first.startswith("["):
            table = path
        own = path if first.startswith("[") else (*table, *path)
        yield _Statement(lines[at:end], own, first.startswith("["), table)
        at = end


def _parsed(lines: list[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return None


def _only_path(content: Any) -> Path:
    """The keys that lead to a statement's value."""
    path: list[str] = []
    while isinstance(content, dict) and len(content) == 1:
        ((name, content),) = content.items()
        path.append(name)
    return tuple(path)


def _change(statements: list[_Statement], path: Path, change: Change) -> None:
    comment = [f"# {line}" for line in change.comment]
    spelt = f"{as_key(path[-1])} = {as_toml(change.value)}"
    for place, each in enumerate(statements):
        if each.path == path and not each.is_header:
            if change.value is None:
                statements[place] = _Statement(comment)
            else:
                end = _end_of_value(each.lines)
                name = each.lines[0][: _end_of_key(each.lines[0])].rstrip()
                indent = name[: len(name) - len(name.lstrip())]
                above = [indent + line for line in comment]
                value = f"{name} = {as_toml(change.value)}{end}"
                each.lines = [*above, value]
            return
    if change.value is None:
        return
    added = _Statement([*comment, spelt], path, table=path[:-1])
    inside = [place for place, each in enumerate(statements) if each.table == path[:-1]]
    inside = [place for place in inside if statements[place].path is not None]
    dotted = [
        place
        for place, each in enumerate(statements)
        if not each.is_header and not each.table and each.path and each.path[:-1] == path[:-1]
    ]
    if inside:
        statements.insert(inside[-1] + 1, added)
    elif dotted:
        added.lines[-1] = f"{'.'.join(map(as_key, path))} = {as_toml(change.value)}"
        statements.insert(dotted[-1] + 1, added)
    else:
        header = _Statement(
            ["", f"[{'.'.join(map(as_key, path[:-1]))}]"], path[:-1], True, path[:-1]
        )
        statements += [header, added]


def _end_of_key(line: str) -> int:
    """Where the sign between a key and its value is."""
    place = line.index("=")
    while _parsed([f"{line[:place]}= 0"]) is None:
        place = line.index("=", place + 1)
    return place


def _end_of_value(lines: list[str]) -> str:
    """The comment after a statement's value, with the spaces before it; empty without one."""
    last, whole = lines[-1], _parsed(lines)
    place = last.find("#")
    while place >= 0:
        if _parsed([*lines[:-1], last[:place]]) == whole:
            return last[len(last[:place].rstrip()) :]
        place = last.find("#", place + 1)
    return ""
