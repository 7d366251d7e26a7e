"""Count the interactions of each value of a column, by part and by outcome."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from features.kind import Side
from features.times import in_seconds
from recipes.schema.recipe import Recipe
from sources.tables import TableName
from stages.artifacts import Raw
from stages.columns import TEST, TRAIN, exactly
from workflows.inspection.counted import id_of


@dataclass(frozen=True)
class Column:
    """A column that the recipe names.

    ``values``: one row per value, null included: ``value``; ``rows`` (its interactions) and, among them,
    ``train``, ``test``, ``positives`` and ``train_positives``; ``lowest`` and ``highest`` label. Without
    a label these two are null; positives are 0 if nothing defines them. Each element of a list is a
    value.
    """

    table: TableName
    name: str
    #: Its key in the recipe, such as ``features.user.age``.
    key: str
    #: Numbers are ordered; of other values only the frequent ones are distinguished.
    is_number: bool
    #: Type, rows, null rows and distinct values of the raw column.
    type: str
    rows: int
    nulls: int
    distinct: int
    values: pl.DataFrame


#: Merges the rows of ``Column.values`` of finer values into one.
_SUMS = ("rows", "train", "test", "positives", "train_positives")
_MERGED = (
    *(pl.col(name).sum() for name in _SUMS),
    pl.col("lowest").min(),
    pl.col("highest").max(),
)


def of_interactions(
    recipe: Recipe, counts: Mapping[str, pl.DataFrame], raw: Raw
) -> Iterator[Column]:
    """Yield user, item, label and weight, if the recipe names them; ``counts``: ``by_value`` of each."""
    types = pl.scan_parquet(raw.interactions).collect_schema()
    for part, values in counts.items():
        name = getattr(recipe.columns, part)
        yield Column(
            table="interactions",
            name=name,
            key=f"columns.{part}",
            is_number=part in ("label", "weight"),
            type=str(types[name]),
            rows=int(values["rows"].sum()),
            nulls=0,  # sources/checks.py refuses nulls
            distinct=len(values),
            values=values,
        )


def by_value(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Count interactions by the values of one of their columns."""
    frame = frame.with_columns(
        pl.lit(None, kind).alias(column)
        for column, kind in (("positive", pl.Boolean), ("label", pl.Float64))
        if column not in frame.columns
    )
    positive, label = pl.col("positive"), pl.col("label")
    return frame.group_by(pl.col(name).alias("value")).agg(
        rows=pl.len().cast(pl.Int64),
        train=(pl.col("part") == TRAIN).sum().cast(pl.Int64),
        test=(pl.col("part") == TEST).sum().cast(pl.Int64),
        positives=positive.cast(pl.Int64).sum(),
        train_positives=(positive & (pl.col("part") == TRAIN)).cast(pl.Int64).sum(),
        lowest=label.min(),
        highest=label.max(),
    )


def of_side(recipe: Recipe, side: Side, path: Path, ids: pl.DataFrame) -> Iterator[Column]:
    """Yield the columns of a users or items table that features use.

    Args:
        ids: ``by_value`` of the id; summed over the ids of a value it gives the value's counts.
    """
    table = pl.scan_parquet(path)
    types = table.collect_schema()
    identity = getattr(recipe.columns, side)
    features = recipe.features.of_side(side)
    for name, key in recipe.features.columns(side).items():
        if name == identity:
            continue  # counted among the interactions
        feature = features[key]
        columns = id_of(identity, types).alias(side), exactly(name).alias("value")
        raw = table.select(columns).collect(engine="streaming")
        is_number, value = feature.compares_as_number, raw["value"]
        if is_number:
            value = in_seconds(value) if value.dtype.is_temporal() else value
            value = value.cast(pl.Float64).fill_nan(None)
        raw = raw.with_columns(value)
        rows, nulls = len(raw), raw["value"].null_count()
        # Ids of only one of the two tables count too: without features, or without interactions.
        counted = ids.rename({"value": side}).join(raw, on=side, how="full", coalesce=True)
        del raw
        if isinstance(types[name], pl.List | pl.Array):
            counted = counted.explode("value", empty_as_null=True)
        values = counted.group_by("value").agg(_MERGED)
        yield Column(
            table="users" if side == "user" else "items",
            name=name,
            key=f"features.{side}.{key}",
            is_number=is_number,
            type=str(types[name]),
            rows=rows,
            nulls=nulls,
            distinct=len(values) - values["value"].null_count(),
            values=values.filter(pl.col("rows") > 0),
        )
