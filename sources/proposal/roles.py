"""Work out which table is which, and which columns hold users, items, times and outcomes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from sources.proposal.facts import Facts, TableFacts
from sources.proposal.names import ATTRIBUTES, EVENTS, LABELS, OTHER_TIMES, SIDES, TIMES, WEAK, Side
from stages.errors import ShortlistError

#: The numbers of seconds between 1973 and 2128 in each unit since 1970.
_UNITS = {"s": 1e8, "ms": 1e11, "us": 1e14, "ns": 1e17}
_FORMATS = tuple(
    f"{day}{time}"
    for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y%m%d")
    for time in ("", " %H:%M", " %H:%M:%S")
)
_OVERLAP = 0.5


@dataclass(frozen=True)
class Reference:
    """A column of the interactions that holds the key of a table."""

    column: Facts
    key: Facts
    score: float
    reason: str


@dataclass
class Arranged:
    """Which table is which. ``keys``: the columns with the ids in users and items."""

    interactions: TableFacts
    sides: dict[Side, TableFacts] = field(default_factory=dict)
    keys: dict[Side, Facts] = field(default_factory=dict)
    columns: dict[Side, Facts] = field(default_factory=dict)
    reasons: dict[Side, str] = field(default_factory=dict)


def arrange(tables: Sequence[TableFacts], named: dict[Side, str]) -> Arranged:
    """Work out the interactions, the users and the items, and the columns with their ids.

    Args:
        named: columns of ids in the interactions, if the caller knows them.

    Raises:
        ShortlistError: no column or table can be taken for one of them.
    """
    found = Arranged(tables[0])
    if len(tables) > 1:
        found = _with_sides(tables)
    for side, name in named.items():
        if name not in found.interactions.columns:
            raise ShortlistError(
                f"expected a column of {found.interactions.place} as the {side}, got '{name}'. Its columns "
                f"are: {', '.join(found.interactions.columns)}."
            )
        if side in found.columns and found.columns[side].name != name:
            raise ShortlistError(
                f"expected '{found.columns[side].name}', whose values are in {found.sides[side].place}, as "
                f"the {side}, got '{name}'. Leave out the option, or that table."
            )
        found.columns[side] = found.interactions.columns[name]
        found.reasons.setdefault(side, "as given")
    _find_ids(found)
    return found


def _with_sides(tables: Sequence[TableFacts]) -> Arranged:
    """The table that refers to all others is the interactions."""
    best: tuple[float, int, Arranged] | None = None
    for place, table in enumerate(tables):
        others = [*tables[:place], *tables[place + 1 :]]
        arranged = _as_interactions(table, others)
        if arranged is not None:
            score, one = arranged
            if best is None or (score, one.interactions.rows) > best[:2]:
                best = score, one.interactions.rows, one
    if best is None:
        raise ShortlistError(
            "expected one table of interactions with the ids of the others, such as orders with the ids of "
            f"customers and of products, got {', '.join(each.place for each in tables)}, in which no column "
            "holds the unique ids of another table. Give the interactions alone, or check the ids."
        )
    return best[2]


def _as_interactions(
    table: TableFacts, others: Sequence[TableFacts]
) -> tuple[float, Arranged] | None:
    best: tuple[float, Arranged] | None = None
    both: tuple[Side, Side] = ("user", "item")
    for sides in permutations(both, len(others)):
        arranged, score = Arranged(table), 0.0
        for side, other in zip(sides, others, strict=True):
            taken = [each.name for each in arranged.columns.values()]
            found = _reference(table, other, side, taken)
            if found is None:
                break
            score += found.score
            arranged.sides[side] = other
            arranged.columns[side], arranged.keys[side] = found.column, found.key
            arranged.reasons[side] = found.reason
        else:
            if best is None or score > best[0]:
                best = score, arranged
    return best


def _reference(
    table: TableFacts, other: TableFacts, side: Side, taken: list[str]
) -> Reference | None:
    """The column of ``table`` that holds keys of ``other``, if that is a table of this side."""
    best = None
    for key in other.columns.values():
        if not key.is_key:
            continue
        for column in table.columns.values():
            if column.name in taken or not (column.is_text or column.is_whole):
                continue
            both = pc.sum(pc.is_in(column.texts, value_set=key.texts)).as_py() or 0
            share = both / max(column.distinct, 1)
            if share < _OVERLAP:
                continue
            score = share * (0.3 + 0.7 * both / key.distinct)
            score += 0.5 * (column.name == key.name)
            for names in (column.words, key.words, other.words):
                score += 0.5 * bool(names & SIDES[side])
                score -= 0.5 * bool(names & SIDES["item" if side == "user" else "user"])
            file = PurePosixPath(other.place).name
            reason = f"{share:.0%} of its {column.distinct:,} values are in '{key.name}' of {file}"
            if best is None or score > best.score:
                best = Reference(column, key, score, reason)
    return best


def _find_ids(found: Arranged) -> None:
    """The columns of users and items that no table determines, by their names, else by their values."""
    table = found.interactions
    missing: list[Side] = [side for side in ("user", "item") if side not in found.columns]
    for side in missing:
        possible = [each for each in _possible_ids(found) if each.words & SIDES[side]]
        if possible:
            chosen = max(
                possible,
                key=lambda each: (
                    "id" in each.words,
                    not each.words & ATTRIBUTES,
                    each.distinct,
                ),
            )
            found.columns[side] = chosen
            found.reasons[side] = f"its name; {chosen.distinct:,} distinct values"
    for side in missing:
        if side in found.columns:
            continue
        possible = [each for each in _possible_ids(found) if not each.words & (EVENTS | LABELS)]
        if not possible:
            raise ShortlistError(
                f"expected a column with the ids of {side}s in {table.place}, got none that looks like it "
                f"among: {', '.join(table.columns)}. Name it with --{side}."
            )
        chosen = max(possible, key=lambda each: each.distinct)
        if side == "user" and "item" not in found.columns:
            two = sorted(possible, key=lambda each: -each.distinct)[:2]
            chosen = next(each for each in possible if each in two)  # users mostly stand first
        found.columns[side] = chosen
        found.reasons[side] = (
            f"a guess by its {chosen.distinct:,} distinct values and its place: check it"
        )


def _possible_ids(found: Arranged) -> list[Facts]:
    """Columns of text or integers with fewer values than rows, and that are no times."""
    taken = [each.name for each in found.columns.values()]
    return [
        each
        for each in found.interactions.columns.values()
        if (each.is_text or each.is_whole)
        and each.name not in taken
        and not each.nulls
        and each.distinct > 1
        and (not each.is_key or each.rows < 3)
        and not (each.is_whole and unit_of(each) and each.words & TIMES)
        and not (each.is_text and format_of(each))
    ]


def time_column(found: Arranged) -> tuple[Facts, str] | None:
    """The column with the time of an interaction, and why."""
    taken = [each.name for each in found.columns.values()]
    best: tuple[float, Facts, str] | None = None
    for each in found.interactions.columns.values():
        if each.name in taken or each.nulls or each.distinct < 2:
            continue
        named = 2.0 * bool(each.words & TIMES) - 2.0 * bool(each.words & OTHER_TIMES)
        if pa.types.is_timestamp(each.type):
            score, why = 4 + named, "the times"
        elif pa.types.is_date(each.type):
            score, why = 3 + named, "the dates"
        elif each.is_whole and named > 0 and (unit := unit_of(each)):
            score, why = 1 + named, f"its name, and numbers that are times since 1970 in {unit}"
        elif each.is_text and (layout := format_of(each)):
            score, why = 2 + named, f"all of it reads as {layout}"
        else:
            continue
        if best is None or score > best[0]:
            best = score, each, why
    return best and best[1:]


def unit_of(column: Facts) -> str:
    """The unit of integers that may be times since 1970; empty if they are not."""
    if not column.distinct or not column.is_whole:
        return ""
    bounds = pc.min_max(column.values).as_py()
    for unit, least in _UNITS.items():
        if least <= bounds["min"] and bounds["max"] < 50 * least:
            return unit
    return ""


def format_of(column: Facts) -> str:
    """The format of a text that is times but not ISO 8601, which is read as such; empty if there is none.

    Empty too if the day and the month could be exchanged.
    """
    some = column.values.slice(0, 10_000)
    if not re.fullmatch(r"\d{1,4}[./]?\d{1,2}[./]?\d{2,4}.*", some[0].as_py() if len(some) else ""):
        return ""
    fitting = [
        each
        for each in _FORMATS
        if pc.strptime(some, each, "s", error_is_null=True).null_count == 0
    ]
    return fitting[0] if len(fitting) == 1 else ""


def label_column(found: Arranged) -> tuple[Facts, str, str] | None:
    """The column with a number for each interaction, the condition of a positive, and why."""
    taken = [each.name for each in found.columns.values()]
    for each in found.interactions.columns.values():
        if each.name in taken or each.nulls or not each.words & LABELS:
            continue
        if pa.types.is_boolean(each.type):
            return each, "== true", "its name, and true or false"
        if not (each.is_whole or pa.types.is_floating(each.type)) or each.distinct < 2:
            continue
        bounds = pc.min_max(each.values).as_py()
        least, most = bounds["min"], bounds["max"]
        if each.distinct == 2 and (least, most) == (0, 1):
            return each, "== 1", "its name, and 0 or 1"
        if each.distinct <= 101:
            above = pc.greater_equal(
                pc.cast(each.values, pa.float64()), least + 0.7 * (most - least)
            )
            good = pc.min(each.values.filter(above)).as_py()
            return each, f">= {good:g}", f"its name, and numbers from {least:g} to {most:g}"
    return None


def event_column(found: Arranged) -> tuple[Facts, list[str], str] | None:
    """The column with the kind of an interaction, those kinds that are positives, and why."""
    taken = [each.name for each in found.columns.values()]
    for each in found.interactions.columns.values():
        if each.name in taken or not each.is_text or not each.words & EVENTS or each.nulls:
            continue
        if 2 <= each.distinct <= 30:
            kinds = sorted(each.values.to_pylist())
            strong = [kind for kind in kinds if not set(re.findall("[a-z]+", kind.lower())) & WEAK]
            if strong and len(strong) < len(kinds):
                weak = ", ".join(kind for kind in kinds if kind not in strong)
                return each, strong, f"its kinds, without {weak}"
    return None
