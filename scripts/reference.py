"""Write the reference pages of docs/ from the code: recipe keys, request options and commands.

``make docs`` runs it; a test checks that the pages are current.
"""

import io
import os
import typing
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import UnionType
from typing import Any
from unittest.mock import patch

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from recipes.load import tables_by_kind, unwrapped
from recipes.schema.recipe import Recipe
from runtime.request_options import OPTIONS, Option
from scripts.cli import COMMANDS, parser_for
from stages.configuration import Table, one_of, toml

DOCS = Path(__file__).parent.parent / "docs"
#: Characters per line of help.
WIDTH = 100
BEGIN, END = "<!-- written by `make docs` -->", "<!-- end -->"

#: The commands that read a table, by its key in a recipe.
READ_BY = {
    "source": "`prepare`",
    "columns": "every command",
    "interactions": "`prepare`, and `train` and `serve` for the history",
    "events": "`prepare`; `export` and `record` for the events that are recorded",
    "vocabulary": "`prepare`",
    "features": "`prepare`; `serve` for the features that a request may contain",
    "split": "`prepare`",
    "retriever": "`train`",
    "linear": "`train`, if the candidate generator or the ranker feature `linear` is used",
    "transitions": "`train`, if the candidate generator or the ranker feature `transitions` is used",
    "als": "`train`, if the candidate generator or the ranker feature `als` is used",
    "repeat": "`train`, if the candidate generator or the ranker feature `repeat` is used",
    "training": "`train`",
    "ranker": "`train`",
    "joint": "`train`, in place of most keys of `[retriever]` and `[ranker]`",
    "evaluation": "`evaluate`",
    "serving": "`export`, `serve` and `publish`; `train` for the candidates that the ranker learns from",
    "tune": "`tune`",
}


def pages() -> dict[Path, str]:
    """The full text of each page, by path."""
    requests = DOCS / "requests.md"
    before, _, rest = requests.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return {
        DOCS / "recipe-reference.md": recipe_reference(),
        DOCS / "commands.md": commands(),
        requests: f"{before}{BEGIN}\n{request_options()}{END}{after}",
    }


def recipe_reference() -> str:
    """Every key of a recipe: type, default and meaning."""
    parts = [
        "# Recipe reference\n\n"
        "Every key of a recipe, generated from the code by `make docs`. Unknown keys are rejected, and so "
        "are keys that the chosen `kind` does not read. Keys marked `required` have no default. To get "
        "started, see [Which settings for my data](settings.md).\n"
    ]
    plain = {name: each for name, each in Recipe.model_fields.items() if name not in READ_BY}
    parts += ["## Top level\n", _keys(plain)]
    for name, field in Recipe.model_fields.items():
        if name in READ_BY:
            parts.append(f"## `[{name}]`\n\nRead by {READ_BY[name]}.\n")
            parts += _tables(name, unwrapped(field.annotation))
    return "\n".join(parts)


def _tables(name: str, annotation: Any) -> Iterator[str]:
    """A table of keys, or one for each kind of a union, or those of nested tables."""
    if kinds := tables_by_kind(annotation):
        for kind, table in kinds.items():
            yield f'### `[{name}]` with `kind = "{kind}"`\n\n{_paragraph(table.__doc__)}\n'
            if len(table.model_fields) > 1:
                yield _keys(table.model_fields, table)
        return
    if typing.get_origin(annotation) is dict:
        inner = unwrapped(typing.get_args(annotation)[1])
        if not tables_by_kind(inner):
            yield f"### `[{name}.NAME]`\n"
        yield from _tables(f"{name}.NAME", inner)
        return
    fields = dict(annotation.model_fields)
    nested = {key: each for key, each in fields.items() if _is_of_tables(each.annotation)}
    yield f"{_paragraph(annotation.__doc__)}\n"
    if nested.keys() != fields.keys():
        yield _keys({key: each for key, each in fields.items() if key not in nested}, annotation)
    seen: set[str] = set()
    for each in nested.values():
        if repr(each.annotation) in seen:
            continue  # users and items have the same feature kinds
        seen.add(repr(each.annotation))
        alike = [other for other in nested if nested[other].annotation == each.annotation]
        yield from _tables(f"{name}.{'|'.join(alike)}", unwrapped(each.annotation))


def _is_of_tables(annotation: Any) -> bool:
    value = unwrapped(annotation)
    if typing.get_origin(value) is dict:
        value = unwrapped(typing.get_args(value)[1])
    return bool(tables_by_kind(value)) or (isinstance(value, type) and issubclass(value, Table))


def _keys(fields: dict[str, FieldInfo], table: Any = Table) -> str:
    rows = []
    for key, field in fields.items():
        if key == "kind" and len(typing.get_args(field.annotation)) == 1:
            continue  # the heading shows it
        text = _paragraph(field.description)
        if key in table.READ_WHERE:
            other, values = table.READ_WHERE[key]
            text += f" Read if `{other}` is {one_of(values)}."
        rows.append((f"`{key}`", _type(field.annotation, field.metadata), _default(field), text))
    return _markdown(("key", "type", "default", ""), rows)


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return ""
    text = f"[{', '.join(map(toml, value))}]" if isinstance(value, tuple) else toml(value)
    return f"`{text}`".replace("'", '"')


def _type(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """A type in TOML's terms, with its bounds."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(arguments[0], arguments[1:])
    if origin in (typing.Union, UnionType):
        several = [each for each in arguments if each is not type(None)]
        return " or ".join(dict.fromkeys(_type(each, metadata) for each in several))
    if origin is typing.Literal:
        return ", ".join(f'`"{each}"`' for each in arguments)
    if origin is tuple:
        inside = [_type(each) for each in arguments if each is not ...]
        return f"list of {inside[0]}" if arguments[-1] is ... else f"[{', '.join(inside)}]"
    names = {int: "integer", float: "number", str: "text", bool: "true or false"}
    return names.get(annotation, "table") + _bounds(metadata)


def _bounds(metadata: Iterable[Any]) -> str:
    signs: dict[type, tuple[str, str]] = {
        Ge: ("≥", "ge"),
        Gt: (">", "gt"),
        Le: ("≤", "le"),
        Lt: ("<", "lt"),
    }
    flat = [
        each for one in metadata for each in (one.metadata if isinstance(one, FieldInfo) else [one])
    ]
    found = []
    for each in flat:
        if type(each) in signs:
            sign, name = signs[type(each)]
            found.append(f"{sign} {getattr(each, name):,}")
    return f" {', '.join(found)}" if found else ""


def request_options() -> str:
    """The options of a request: name, type on the wire, bounds and meaning."""
    return _markdown(("input", "type", ""), map(_option, OPTIONS))


def _option(option: Option) -> tuple[str, str, str]:
    names = {"text": "string", "json": "string (JSON)", "float": "float32"}
    kind = names.get(option.type, option.type)
    limits = [f"at least {option.least:g}"] if option.least is not None else []
    if option.most is not None:
        most = f"`serving.{option.most}`" if isinstance(option.most, str) else f"{option.most:g}"
        limits.append(f"at most {most}" + " values" * option.several)
    further = [", ".join(limits)] if limits else []
    further += ["needs a retriever"] if option.needs_retriever else []
    text = "; ".join([option.doc, *further])
    return f"`{option.name}`", f"several {kind}s" if option.several else kind, text


def commands() -> str:
    """The help of every command."""
    parts = [
        "# Commands\n\n"
        "The output of `shortlist COMMAND --help`, generated by `make docs`. Run the commands as "
        "`.venv/bin/shortlist`, or after `source .venv/bin/activate`.\n",
        _markdown(
            ("command", ""), ((f"[{name}](#{name})", text) for name, (_, text) in COMMANDS.items())
        ),
    ]
    for name in COMMANDS:
        parts.append(f"## {name}\n\n```text\n{_help(name)}\n```\n")
    return "\n".join(parts)


def _help(name: str) -> str:
    shown, words = io.StringIO(), [name, "--help"]
    with patch.dict(os.environ, COLUMNS=str(WIDTH)), redirect_stdout(shown), suppress(SystemExit):
        parser_for(words).parse_args(words)
    return shown.getvalue().strip()


def _paragraph(text: str | None) -> str:
    return " ".join((text or "").split())


def _markdown(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in lines)
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped) + "\n"


def main() -> None:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
