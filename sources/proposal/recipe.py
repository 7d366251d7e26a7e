"""Propose a recipe for the user's files, as TOML with a reason beside every choice."""

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from recipes.load import of_tables
from sources.own_tables import opened
from sources.proposal.facts import Facts, TableFacts, look_at, stem
from sources.proposal.features import feature_of, key, title_of
from sources.proposal.names import Side
from sources.proposal.roles import (
    Arranged,
    arrange,
    event_column,
    format_of,
    label_column,
    time_column,
    unit_of,
)
from sources.tables import RawTable
from stages.atomic import atomic_file
from stages.errors import ShortlistError
from stages.progress import phase
from stages.urls import is_url

SIDES: tuple[tuple[Side, str], ...] = (("user", "users"), ("item", "items"))
#: With fewer interactions, larger batches leave too few steps an epoch (docs/settings.md).
_SMALL = 100_000


@phase("looking at the tables")
def write(
    places: Sequence[str], out: Path | None, named: Mapping[str, str | None], force: bool
) -> Path:
    """Propose a recipe for one to three tables and write it; returns the file.

    Args:
        places: their paths or URLs, in any order: the interactions, and the users or items or both.
        out: the file; by default named after the interactions, in the working directory.
        named: the columns with the ids of ``user`` and ``item``; None if they are unknown.
        force: replace an existing file.

    Raises:
        ShortlistError: the file exists, a table cannot be read, or no column can be taken for users or items.
    """
    if not 1 <= len(places) <= 3:
        raise ShortlistError(
            f"expected one to three tables (interactions, users, items), got {len(places)}. Give a folder or "
            "a pattern for a table in several files."
        )
    if out is not None:
        _refuse_to_replace(out, force)
    tables = [look_at(_opened(place), place) for place in places]
    found = arrange(tables, {side: name for side, _ in SIDES if (name := named.get(side))})
    slug = _slug(out.stem if out else stem(found.interactions.place))
    out = out or Path(f"./{slug}.toml")
    _refuse_to_replace(out, force)
    text = Draft(found, out.parent, slug).text()
    of_tables(tomllib.loads(text), "the proposed recipe", out.parent)
    with atomic_file(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return out


def _opened(place: str) -> RawTable:
    table = opened("interactions", place, named="is given to `shortlist init`")
    if table.table.num_rows == 0:
        raise ShortlistError(f"expected rows in {place}, got none. Check the file.")
    return table


def _refuse_to_replace(out: Path, force: bool) -> None:
    if out.suffix != ".toml":
        raise ShortlistError(f"expected a file whose name ends in .toml, got {out}. Rename it.")
    if out.exists() and not force:
        raise ShortlistError(
            f"expected no file at {out}, got one. Name another with --out, or replace it with --force."
        )


class Draft:
    """The lines of a recipe for tables that are arranged."""

    def __init__(self, found: Arranged, folder: Path, name: str) -> None:
        self.found, self.folder, self.name = found, folder, name
        self.reading: dict[str, list[str]] = {}
        #: Names that have a role already, with that role.
        self.taken: dict[str, str] = {}

    def text(self) -> str:
        found = self.found
        columns = self._columns()
        features = [line for side, _ in SIDES for line in self._features(side)]
        return "\n".join(
            [
                "# Proposed by `shortlist init` from the columns and values of the tables. Check every line.",
                f"name = {_quoted(self.name)}",
                "",
                "[source]",
                'kind = "files"',
                f"interactions = {self._path(found.interactions)}  # {found.interactions.rows:,} rows",
                *(
                    f"{plural} = {self._path(found.sides[side])}  # {found.sides[side].rows:,} rows"
                    for side, plural in SIDES
                    if side in found.sides
                ),
                *self._readings(),
                "",
                *columns,
                *features,
                *self._split(),
                *self._training(),
                *self._unused(),
                "",
            ]
        )

    def _path(self, table: TableFacts) -> str:
        if is_url(table.place):
            return _quoted(table.place)
        return _quoted(os.path.relpath(Path(table.place).absolute(), self.folder.absolute()))

    def _columns(self) -> list[str]:
        found, lines = self.found, ["[columns]"]
        for side, plural in SIDES:
            column = found.columns[side]
            self.taken[column.name] = f"columns.{side}"
            lines += self._line(side, column, found.reasons[side])
            if (identity := found.keys.get(side)) is not None:
                if identity.name != column.name:
                    self._read(column.name, f"{plural} = {_quoted(identity.name)}")
                if identity.is_text != column.is_text:
                    self._read(column.name, 'cast = "string"')
        self.time = time_column(found)
        if self.time is not None:
            column, why = self.time
            self.taken[column.name] = "columns.timestamp"
            lines += self._line("timestamp", column, why)
            if (unit := unit_of(column)) and unit != "s":
                self._read(column.name, f"unit = {_quoted(unit)}")
            if column.is_text and (layout := format_of(column)):
                self._read(column.name, f"format = {_quoted(layout)}")
        label, event = label_column(found), event_column(found)
        if label is not None:
            self.taken[label[0].name] = "columns.label"
            lines += self._line("label", label[0], label[2])
        items = found.sides.get("item")
        self.title = title_of(list(items.columns.values())) if items else None
        if self.title is not None:
            lines += self._line(
                "title", self.title, "its name, and text that differs from item to item"
            )
        lines.append("")
        if event is not None:
            column, kinds, why = event
            self.taken.setdefault(column.name, "interactions.positive")
            lines += self._positive(f"{_in_condition(column.name)} in {kinds}", why)
        elif label is not None:
            condition = f"{_in_condition(label[0].name)} {label[1]}"
            lines += self._positive(condition, "what counts as a success; other rows do not")
        return lines

    def _features(self, side: Side) -> list[str]:
        table = self.found.sides.get(side)
        if table is None:
            return []
        lines, without = [], []
        identity = self.found.keys[side].name
        for column in table.columns.values():
            if column.name == identity:
                continue
            proposed = feature_of(column, self.time is not None)
            name = column.name
            if proposed.toml and name in self.taken:  # a recipe gives a name one role
                name = f"{side}_{name}"
                self._read(name, f"{side}s = {_quoted(column.name)}")
            if not proposed.toml:
                without.append(f"# without {name}: {proposed.reason}")
                continue
            self.taken[name] = f"features.{side}.{name}"
            lines += [f"# {proposed.reason}", f"{key(name)} = {proposed.toml}"]
            if proposed.reading:
                self._read(name, proposed.reading)
        for field in table.raw.table.schema:
            if field.name not in table.columns:
                without.append(f"# without {field.name}: {_why_not(field.type)}")
        return [f"[features.{side}]", *lines, *without, ""] if lines or without else []

    @staticmethod
    def _positive(condition: str, why: str) -> list[str]:
        return ["[interactions]", f"# {why}", f"positive = {_quoted(condition)}", ""]

    def _read(self, name: str, line: str) -> None:
        self.reading.setdefault(name, []).append(line)

    def _readings(self) -> list[str]:
        """``[source.columns]``: other names, and how values are read."""
        if not self.reading:
            return []
        return [
            "",
            "[source.columns]  # names and values that differ from what the recipe needs",
            *(f"{key(name)} = {{ {', '.join(lines)} }}" for name, lines in self.reading.items()),
        ]

    def _split(self) -> list[str]:
        users = self.found.columns["user"]
        each = self.found.interactions.rows / max(users.distinct, 1)
        if self.time is None:
            kind, why = "stratified", "no times: the same share of each user's interactions"
            if each < 2:
                kind, why = "random", "no times, and hardly any user has two interactions"
        elif each >= 3:
            kind, why = (
                "leave-last-out",
                f"{each:.1f} interactions a user: what does each take next?",
            )
        else:
            kind, why = (
                "temporal",
                f"only {each:.1f} interactions a user: the latest of all are the test",
            )
        return ["[split]", f"# {why}", f"kind = {_quoted(kind)}", ""]

    def _training(self) -> list[str]:
        if self.found.interactions.rows >= _SMALL:
            return []
        size = 256 if self.found.interactions.rows >= 20_000 else 64
        return ["[retriever]", "# few interactions: small batches", f"batch_size = {size}", ""]

    def _unused(self) -> list[str]:
        table = self.found.interactions
        unused = [name for name in table.raw.table.schema.names if name not in self.taken]
        return [f"# Not used, of the interactions: {', '.join(unused)}"] if unused else []

    @staticmethod
    def _line(role: str, column: Facts, reason: str) -> list[str]:
        return [f"# {reason}", f"{role} = {_quoted(column.name)}"]


def _why_not(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind) and kind.num_fields:
        return (
            f"a struct; its fields can be features, such as {kind.field(0).name} (docs/columns.md)"
        )
    if pa.types.is_null(kind):
        return "it has no values"
    return f"no kind of feature reads {kind}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "shop"


def _in_condition(name: str) -> str:
    return name if re.fullmatch(r"[^\W\d]\w*", name) else f"`{name}`"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
