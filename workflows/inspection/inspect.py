"""Inspect a recipe's raw tables before anything is fitted."""

from itertools import chain
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from recipes.schema.recipe import Recipe
from stages.artifacts import PARTS, Artifacts
from stages.errors import ShortlistError
from stages.prerequisites import need
from stages.progress import phase
from workflows.inspection import findings, interactions, leakage, values
from workflows.inspection.counted import Counted, counted_interactions
from workflows.inspection.drift import drift
from workflows.inspection.facts import ColumnFacts, Inspection
from workflows.inspection.page import write_page
from workflows.meaning import rows_by_kind
from workflows.remarks import of_ids, of_interactions, of_kinds


@phase("inspecting the data")
def inspect(recipe: Recipe, artifacts: Artifacts) -> Inspection:
    """Read ``artifacts.raw``, write the page ``artifacts.inspection``, and return what it shows.

    Data that are not worth training on raise nothing here: the caller raises ``Inspection.refusals``
    after it has shown the rest.

    Raises ``ShortlistError`` if no interaction counts, a condition does not fit, or the page cannot be
    written.
    """
    for path in (artifacts.raw.interactions, artifacts.raw.users, artifacts.raw.items):
        need(path, "prepare", recipe.given_as)
    counted = counted_interactions(recipe, artifacts.raw)
    counts: dict[str, pl.DataFrame] = {
        name: values.by_value(counted.frame, name)
        for name in ("user", "item", "label", "weight")
        if name in counted.frame.columns
    }
    raw = (
        values.of_interactions(recipe, counts, artifacts.raw),
        values.of_side(recipe, "user", artifacts.raw.users, counts["user"]),
        values.of_side(recipe, "item", artifacts.raw.items, counts["item"]),
    )
    columns = tuple(_facts(column, counted) for column in chain(*raw))
    ids = (
        interactions.ids(recipe, "user", artifacts.raw.users, counts["user"]),
        interactions.ids(recipe, "item", artifacts.raw.items, counts["item"]),
    )
    cold = tuple(
        interactions.cold(f"{side}s", counts[side])
        for side in ("user", "item")
        if counts[side]["test"].sum()
    )
    span = interactions.span(counted)
    parts = counted.frame["part"]
    found = Inspection(
        recipe=recipe.name,
        tables={
            "interactions": counted.rows,
            "users": _rows(artifacts.raw.users),
            "items": _rows(artifacts.raw.items),
        },
        filtered=counted.filtered,
        weightless=counted.weightless,
        repeated=counted.repeated,
        repeats_are_kept=recipe.interactions.repeats,
        repeats=counted.repeats,
        positives_merged=0 if recipe.interactions.repeats else counted.merged.positives_merged,
        positive_before=0 if recipe.interactions.repeats else counted.merged.positive_before,
        counted=len(parts),
        parts={name: int((parts == code).sum()) for code, name in enumerate(PARTS)},
        columns=columns,
        balances=interactions.balances(recipe, counted, counts.get("label")),
        cold=cold,
        activity=tuple(
            interactions.activity(f"{side}s", counts[side]) for side in ("user", "item")
        ),
        span=span,
        refusals=tuple(findings.refusals(recipe, counted, columns)),
        remarks=(
            *chain(*(of_ids(recipe, each) for each in ids)),
            *of_interactions(recipe, counted.frame),
            *of_kinds(recipe, rows_by_kind(pl.scan_parquet(artifacts.raw.interactions), recipe)),
            *findings.remarks(recipe, columns, cold, span, counted.repeats),
        ),
    )
    try:
        write_page(found, artifacts.inspection)
    except OSError as error:
        raise ShortlistError(
            f"expected to write {artifacts.inspection}, got {error}. Free disk space, or set "
            "SHORTLIST_ARTIFACTS to another folder, and run it again."
        ) from error
    return found


def _facts(column: values.Column, counted: Counted) -> ColumnFacts:
    area, determines = None, None
    if column.key not in ("columns.label", "columns.weight"):
        if "positive" in counted.frame.columns:
            area = leakage.auc(column.values, column.is_number)
            if leakage.determines_positive(column.values):
                determines = "positive"
        if "label" in counted.frame.columns and leakage.determines_label(column.values):
            determines = "label"
    known = column.values.filter(pl.col("value").is_not_null())
    commonest = None
    if len(known):
        most = known.select(pl.col("rows").max()).item()
        value = known.filter(rows=most).select(pl.col("value").min()).item()
        shown = f"{value:g}" if column.is_number else str(value)
        commonest = (shown, most / int(column.values["rows"].sum()))
    return ColumnFacts(
        table=column.table,
        name=column.name,
        key=column.key,
        type=column.type,
        is_number=column.is_number,
        rows=column.rows,
        nulls=column.nulls,
        distinct=column.distinct,
        commonest=commonest,
        drift=drift(column.values, column.is_number),
        auc=area,
        determines=determines,
    )


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)
