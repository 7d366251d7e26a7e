"""Statistics of the interactions: activity, time, outcomes, and cold-start users and items."""

from pathlib import Path

import numpy as np
import polars as pl

from features.kind import Side
from recipes.schema.recipe import Recipe
from stages.columns import TEST, TRAIN, VALID
from workflows.inspection.counted import Counted, id_of
from workflows.inspection.facts import Activity, Balance, Cold, Span
from workflows.remarks import Ids

_STRETCHES = 48
#: At most this many outcomes are shown, the most frequent ones.
_OUTCOMES = 12


def ids(recipe: Recipe, side: Side, path: Path, used: pl.DataFrame) -> Ids:
    """Match the ids of a raw users or items table with those of the interactions that count.

    ``used``: ``values.by_value`` of the id. What ``vocabulary.drop_rare`` drops is not without interactions.
    """
    table, column = pl.scan_parquet(path), getattr(recipe.columns, side)
    known = table.select(id_of(column, table.collect_schema()).alias("value")).collect()
    without_row = len(used.join(known, on="value", how="anti"))
    rare = recipe.vocabulary.drop_rare
    return Ids(
        side=side,
        rows=len(known),
        without_interactions=0 if rare else len(known) - len(used) + without_row,
        used=len(used),
        without_row=without_row,
    )


def cold(name: str, ids: pl.DataFrame) -> Cold:
    """Count cold ids of ``users`` or ``items``; ``ids``: ``values.by_value`` of the id."""
    tested = ids.filter(pl.col("test") > 0)
    unknown = tested.filter(pl.col("train") == 0)
    return Cold(
        name=name,
        ids=len(unknown),
        of_ids=len(tested),
        rows=int(unknown["test"].sum()),
        of_rows=int(tested["test"].sum()),
    )


def activity(name: str, ids: pl.DataFrame) -> Activity:
    """Summarise the activity of ``users`` or ``items``; ``ids``: ``values.by_value`` of the id."""
    rows = np.sort(ids["rows"].to_numpy())
    top = rows[-max(1, len(rows) // 100) :]
    doubling = np.bincount(np.floor(np.log2(rows)).astype(np.int64))
    return Activity(
        name=name,
        least=int(rows[0]),
        median=float(np.median(rows)),
        most=int(rows[-1]),
        top_share=float(top.sum() / rows.sum()),
        by_doubling=tuple(map(int, doubling)),
    )


def balances(recipe: Recipe, counted: Counted, labels: pl.DataFrame | None) -> tuple[Balance, ...]:
    """Count kinds, labels (``labels``: their ``values.by_value``) and positives, if the recipe has them."""
    found = []
    if recipe.events is not None:
        kinds = (
            counted.frame["kind"].value_counts().sort(["count", "kind"], descending=[True, False])
        )
        weights = recipe.events.weights
        of_kinds = [
            (f"{kind} (weight {weights[kind]:g})" if weights else kind, rows)
            for kind, rows in kinds.head(_OUTCOMES).rows()
        ]
        found.append(Balance(recipe.events.column, tuple(of_kinds)))
    if labels is not None:
        most = labels.sort(["rows", "value"], descending=[True, False]).head(_OUTCOMES)
        shown = [
            (f"{value:g}", rows)
            for value, rows in most.sort("value").select("value", "rows").rows()
        ]
        if rest := int(labels["rows"].sum()) - int(most["rows"].sum()):
            shown.append(("all others", rest))
        found.append(Balance("label", tuple(shown)))
    if (condition := recipe.positive) is not None:
        positives = int(counted.frame["positive"].sum())
        outcomes = (("positive", positives), ("negative", len(counted.frame) - positives))
        found.append(Balance(condition, outcomes))
    return tuple(found)


def span(counted: Counted) -> Span | None:
    """Return the time range; None if the recipe names no timestamp."""
    if "time" not in counted.frame.columns:
        return None
    times = counted.frame["time"].to_numpy() / counted.per_second
    parts = counted.frame["part"].to_numpy()
    first, last = float(times.min()), float(times.max())
    ends = np.linspace(first, last, _STRETCHES + 1) if last > first else _STRETCHES
    along = [
        np.histogram(times[parts == part], ends, (first, last + 1))[0]
        for part in (TRAIN, VALID, TEST)
    ]
    return Span(first, last, tuple(tuple(map(int, counts)) for counts in along))
