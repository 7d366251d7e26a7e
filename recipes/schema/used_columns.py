"""The raw columns that a recipe uses, each with a key that names it."""

from collections.abc import Mapping

from features.kind import Side
from features.schema import Features
from recipes.schema.data import Columns, Interactions, Split
from recipes.schema.events import Events
from recipes.schema.raw_column import RawColumn, TableName
from runtime.conditions import columns_of, parse
from runtime.did_you_mean import did_you_mean
from stages.columns import OWN


def of_interactions(
    columns: Columns, interactions: Interactions, events: Events | None, split: Split
) -> dict[str, str]:
    """Those of the interactions, which conditions and a given split may name too."""
    keys = [
        (getattr(columns, part), f"columns.{part}")
        for part in ("user", "item", "timestamp", "label", "weight")
    ]
    keys.append((split.column, "split.column"))
    keys.append((None if events is None else events.column, "events.column"))
    for key in ("filter", "positive"):
        if condition := getattr(interactions, key):
            keys += [(name, f"interactions.{key}") for name in columns_of(parse(condition))]
    return {name: key for name, key in reversed(keys) if name is not None}


def of_side(columns: Columns, features: Features, side: Side) -> dict[str, str]:
    """Those of the users or the items table."""
    keys = {name: f"features.{side}.{reader}" for name, reader in features.columns(side).items()}
    if side == "item" and columns.title is not None:
        keys[columns.title] = "columns.title"
    return keys | {getattr(columns, side): f"columns.{side}"}


def refuse_unused(
    options: Mapping[str, RawColumn], used: Mapping[TableName, Mapping[str, str]]
) -> None:
    """Refuse options of columns that the recipe does not use, in any table or in the one they name.

    Raises:
        ValueError: there is one; names it.
    """
    for name, column in options.items():
        where = [table for table, columns in used.items() if name in columns]
        if not where:
            known = dict.fromkeys(each for columns in used.values() for each in columns)
            raise ValueError(
                f"expected source.columns to name columns that the recipe uses, got '{name}'"
                f"{did_you_mean(name, known)}; use it, or leave it out"
            )
        for table in used:
            if column.name_in(table) is not None and table not in where:
                raise ValueError(
                    f"expected source.columns.{name} to name it in tables where the recipe uses it "
                    f"({', '.join(where)}), got `{table}`; leave `{table}` out"
                )


def refuse_own_names(
    columns: Columns, split: Split, events: Events | None, features: Features
) -> None:
    """Refuse names that the project gives to its own columns.

    Raises:
        ValueError: there is one; names it.
    """
    named = [(f"columns.{part}", getattr(columns, part)) for part in columns.changed]
    named.append(("split.column", split.column))
    named.append(("events.column", None if events is None else events.column))
    sides: tuple[Side, ...] = ("user", "item")
    for side in sides:
        for name, feature in features.of_side(side).items():
            key = f"features.{side}.{name}"
            named += [(key, each) for each in (name, *feature.columns(name))]
    for key, name in named:
        if name is not None and name.startswith(OWN):
            raise ValueError(
                f"expected a name for {key} that does not begin with '{OWN}', as the project's own "
                f"columns do, got '{name}'; rename it in the table and in the recipe"
            )


def refuse_two_roles(columns: Columns, features: Features) -> None:
    """Refuse a name with two roles among columns and features.

    Raises:
        ValueError: there is one; names it.
    """
    taken: dict[str, str] = {}
    parts = [
        (f"columns.{part}", name)
        for part in ("user", "item", "timestamp", "label", "weight")
        if (name := getattr(columns, part)) is not None
    ]
    parts += [(f"features.user.{name}", name) for name in features.user]
    parts += [(f"features.item.{name}", name) for name in features.item]
    for part, name in parts:
        if name in taken:
            raise ValueError(
                f"expected one role for '{name}', got both {taken[name]} and {part}; the models see one "
                "table with all columns, so rename one of them"
            )
        taken[name] = part
