"""What an inspection finds: plain figures, to be judged and shown."""

from dataclasses import dataclass

from sources.tables import TableName
from workflows.inspection.drift import Drift


@dataclass(frozen=True)
class ColumnFacts:
    """One column that the recipe names. Shares are of the interactions that count."""

    table: TableName
    name: str
    #: What the recipe calls it, such as ``features.user.age``.
    key: str
    type: str
    #: Numbers have an order; of other values only the frequent ones are told apart.
    is_number: bool
    #: Rows of the column's table, of which ``nulls`` have no value; ``distinct`` values otherwise.
    rows: int
    nulls: int
    distinct: int
    #: The value that most interactions have, and their share; None where nothing has one.
    commonest: tuple[str, float] | None
    drift: Drift | None
    #: AUC of this column alone on the positive (``leakage.auc``); None where it was not measured.
    auc: float | None
    #: Whether the value says the label or the positive exactly (``leakage``).
    determines: str | None


@dataclass(frozen=True)
class Balance:
    """How many interactions end how: ``(outcome, interactions)``, and what an outcome is."""

    of: str
    outcomes: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Cold:
    """Ids of the test part that the training part has no interaction of, and their interactions."""

    name: str
    ids: int
    of_ids: int
    rows: int
    of_rows: int


@dataclass(frozen=True)
class Activity:
    """Interactions an id: how many ids have 1, 2 to 3, 4 to 7, 8 to 15 and so on."""

    name: str
    least: int
    median: float
    most: int
    #: Share of all interactions that the busiest hundredth of the ids has.
    top_share: float
    by_doubling: tuple[int, ...]


@dataclass(frozen=True)
class Span:
    """Time of the interactions, in seconds since 1970 (UTC), and how many there are along it."""

    first: float
    last: float
    #: Interactions by part (train, valid, test), in equal stretches from first to last.
    along: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Inspection:
    """All that is known of a recipe's raw data before anything is fitted."""

    recipe: str
    #: Rows of the three raw tables by name.
    tables: dict[str, int]
    #: Interactions by step, from the raw table to those that count, and by part.
    filtered: int
    repeated: int
    repeats_are_kept: bool
    counted: int
    parts: dict[str, int]
    columns: tuple[ColumnFacts, ...]
    balances: tuple[Balance, ...]
    cold: tuple[Cold, ...]
    activity: tuple[Activity, ...]
    span: Span | None
    #: What would train to nonsense, a sentence or two each; and what is only worth knowing.
    refusals: tuple[str, ...]
    remarks: tuple[str, ...]
