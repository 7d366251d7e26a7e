"""Names and tags of columns that stages pass to each other, besides those that a recipe names."""

from __future__ import annotations

from stages.lazy import pl

#: The beginning of every column that the project adds to a user's; a recipe may not name such a column.
OWN = "__shortlist_"
#: Column of the prepared interactions: whether a row is a positive.
POSITIVE = f"{OWN}positive"
#: Column of the prepared interactions: whether the user has seen the item; only if that may differ from
#: ``POSITIVE`` (``Events.sees_others``).
SEEN = f"{OWN}seen"
#: Column of the prepared interactions: the weight of the row's kind, from ``events.weights``.
EVENT_WEIGHT = f"{OWN}event_weight"
#: Column that numbers the rows of all parts, each user's rows in time order.
PLACE = f"{OWN}place"
#: Column with a row's part of the split (``workflows.splits``), int8; never written to disk.
PART = f"{OWN}part"
#: Column of the encoded interactions: the user's other items, as a list of codes.
HISTORY = f"{OWN}history"
#: Column of the encoded users and items: the raw id, as a string.
RAW_ID = f"{OWN}raw_id"
#: Codes of ``artifacts.PARTS``, in that order.
TRAIN, VALID, TEST = 0, 1, 2
#: Tag of the column with a row's weight in the loss; Merlin has no such tag.
WEIGHT = "weight"
#: Tag of columns that depend on both user and item, so that no tower can read them.
FOR_RANKER = "for_ranker"


def exactly(name: str) -> pl.Expr:
    """The column of exactly this name: Polars reads ``*`` and ``^...$`` as patterns."""
    if name != "*" and not name.startswith("^"):
        return pl.col(name)
    return pl.selectors.by_name(name).as_expr()


def values_of(table: pl.DataFrame, name: str) -> pl.Series:
    """The values of a column, under a name that the methods of a series do not read as a pattern."""
    return table[name].alias("values")
