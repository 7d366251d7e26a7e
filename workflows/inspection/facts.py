"""The figures of an inspection, to be judged and shown."""

from dataclasses import dataclass

from sources.tables import TableName
from workflows.inspection.drift import Drift
from workflows.repeats import Repeats


@dataclass(frozen=True)
class ColumnFacts:
    """One column that the recipe names. Shares are of the interactions that count."""

    table: TableName
    name: str
    #: Its key in the recipe, such as ``features.user.age``.
    key: str
    type: str
    #: Numbers are ordered; of other values only the frequent ones are distinguished.
    is_number: bool
    #: Rows of the column's table, rows without a value, and distinct values.
    rows: int
    nulls: int
    distinct: int
    #: The value with the most interactions, and their share; None without any value.
    commonest: tuple[str, float] | None
    drift: Drift | None
    #: AUC of this column alone on the positives (``leakage.auc``); None if not measured.
    auc: float | None
    #: ``label`` or ``positive`` if the value determines it exactly (``leakage``), else None.
    determines: str | None


@dataclass(frozen=True)
class Balance:
    """``outcomes``: interactions of each outcome, ``(outcome, interactions)``; ``of``: what they are."""

    of: str
    outcomes: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Cold:
    """Ids of the test part without interactions in the training part, and their interactions."""

    name: str
    ids: int
    of_ids: int
    rows: int
    of_rows: int


@dataclass(frozen=True)
class Activity:
    """Interactions per id; ``by_doubling``: how many ids have 1, 2 to 3, 4 to 7, 8 to 15 and so on."""

    name: str
    least: int
    median: float
    most: int
    #: Share of all interactions that the most active hundredth of the ids has.
    top_share: float
    by_doubling: tuple[int, ...]


@dataclass(frozen=True)
class Span:
    """Time range of the interactions, in seconds since 1970 (UTC), and their counts along it."""

    first: float
    last: float
    #: Interactions by part (train, valid, test), in equal intervals from first to last.
    along: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Inspection:
    """All that is known about a recipe's raw data before anything is fitted."""

    recipe: str
    #: Rows of the three raw tables by name.
    tables: dict[str, int]
    #: Interactions by step, from the raw table to those that count, and by part.
    filtered: int
    weightless: int
    repeated: int
    repeats_are_kept: bool
    #: Positives of the test part that are repeats, if every interaction of a pair counted.
    repeats: Repeats
    #: Positives that are merged with a later one of their pair, and pairs that are positives although their
    #: latest interaction is not (``workflows.selection.Merged``); 0 if repeats are kept.
    positives_merged: int
    positive_before: int
    counted: int
    parts: dict[str, int]
    columns: tuple[ColumnFacts, ...]
    balances: tuple[Balance, ...]
    cold: tuple[Cold, ...]
    activity: tuple[Activity, ...]
    span: Span | None
    #: Reasons not to train on these data, and remarks; a sentence or two each.
    refusals: tuple[str, ...]
    remarks: tuple[str, ...]
