"""Features derived from interactions or timestamps, computed once before any engine runs.

From here on each is a float64 column of the users or items table, which engines treat like any other
number. An out-of-fold target also depends on the interaction, so each row carries its own value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pyarrow as pa

from features.kind import Side, TrainingPart
from features.number import Number
from features.target_statistics import TargetStatistics
from features.times import in_seconds
from recipes.schema.recipe import Recipe
from stages.artifacts import Prepared
from stages.columns import PART, TEST, values_of
from workflows.graph import FeatureGraph
from workflows.partitions import arrow_table, write_table
from workflows.tables import Tables


@dataclass(frozen=True)
class Derived:
    """The tables with their derived features.

    ``tables``: with one number column per derived feature. ``newest``: time of the training part's newest
    interaction in seconds; None without derived features or timestamps. ``targets``: statistics by
    feature name.
    """

    tables: Tables
    newest: int | None
    targets: Mapping[str, TargetStatistics]

    def given(
        self, partition: pl.DataFrame, means: Mapping[str, np.ndarray] | None = None
    ) -> list[pl.Series]:
        """Return each target's value for interactions whose users and items are table rows, [n] each.

        ``means``: [categories, folds + 1] by name, to use instead of the targets' own means.
        """
        return [
            pl.Series(
                name, each.of_interactions(partition, each.means if means is None else means[name])
            )
            for name, each in self.targets.items()
        ]


def derive(recipe: Recipe, tables: Tables, rows: pl.DataFrame) -> Derived:
    """Derive features from interactions that have ``PART`` and whose users and items are table rows.

    Raises ``ShortlistError`` if a target is constant.
    """
    columns = recipe.columns
    if not any(feature.is_derived for feature in recipe.features.both.values()):
        return Derived(tables, None, {})
    training = rows.filter(pl.col(PART) != TEST)
    seconds = (
        None if columns.timestamp is None else in_seconds(values_of(training, columns.timestamp))
    )
    newest = None if seconds is None else int(seconds.max())  # type: ignore[arg-type]
    targets: dict[str, TargetStatistics] = {}
    sides = []
    for table, features, own, other in (
        (tables.users, recipe.features.user, columns.user, columns.item),
        (tables.items, recipe.features.item, columns.item, columns.user),
    ):
        part = TrainingPart(training, own, other, seconds, newest, columns.label)
        for name, feature in features.items():
            if feature.is_derived:
                found = feature.derive(name, table, part)
                table = table.with_columns(found.column.alias(name))
                if found.target is not None:
                    targets[name] = found.target
        sides.append(table)
    return Derived(replace(tables, users=sides[0], items=sides[1]), newest, targets)


def encoded_means(
    graph: FeatureGraph, targets: Mapping[str, TargetStatistics]
) -> dict[str, np.ndarray]:
    """Return each target's means as the fitted graph encodes them, float32 [categories, folds + 1]."""
    features = graph.recipe.features.both
    found = {}
    for name, each in targets.items():
        feature = features[name]
        assert isinstance(feature, Number)
        found[name] = feature.encoded(name, feature.shaped(each.means), graph)
    return found


def write_derived(graph: FeatureGraph, derived: Derived, prepared: Prepared) -> None:
    """Write what the encoded tables lack: raw counts and each target's out-of-fold values."""
    columns, tables = graph.recipe.columns, derived.tables
    _write_counts(graph.recipe, "user", columns.user, tables.users, prepared)
    _write_counts(graph.recipe, "item", columns.item, tables.items, prepared)
    means = encoded_means(graph, derived.targets)
    for own, path in (
        (columns.user, prepared.out_of_fold("user")),
        (columns.item, prepared.out_of_fold("item")),
    ):
        lists = {
            name: _lists(means[name][each.of_row, :-1])
            for name, each in derived.targets.items()
            if each.own == own
        }
        if lists:
            path.parent.mkdir(exist_ok=True)
            write_table(pa.table(lists), path)


def _write_counts(
    recipe: Recipe, side: Side, own: str, table: pl.DataFrame, prepared: Prepared
) -> None:
    if counts := recipe.features.counts(side):
        whole = pl.DataFrame(
            {own: table[own]} | {name: table[name].cast(pl.Int64) for name in counts}
        )
        write_table(arrow_table(whole), prepared.counts(side))


def _lists(rows: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
