"""The engine ``polars``: the feature list fitted and applied without NVTabular's operators.

What a feature becomes depends on its user or item alone. So each side's table is encoded once and its
rows are gathered by number, and a vocabulary is counted there too: each row as often as the training
part has an interaction of it. Nothing is joined. The fitted values then go into NVTabular's
operators, whose workflow is what it would be had NVTabular fitted it.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl
import pyarrow as pa
from nvtabular import Workflow

from features.operators.combine import combinations
from features.operators.normalize import normalized
from features.schema import Feature
from recipes.schema.data import POSITIVE
from runtime.features.numeric import bucket_codes, shaped
from stages.artifacts import PARTS, Prepared
from workflows.derived import Derived, encoded_means
from workflows.engines.polars_categories import Categories, nested_lists
from workflows.graph import FeatureGraph, joined_schema
from workflows.operators.history import history_lists, history_name
from workflows.partitions import (
    Written,
    arrow_table,
    encodable,
    with_each,
    write_partition,
    write_side,
)
from workflows.schemas import arrow_schema, tidy, write_schema
from workflows.selection import PART
from workflows.splits import IN_TIME, TEST
from workflows.target_statistics import TargetStatistics


def encode(
    graph: FeatureGraph,
    derived: Derived,
    rows: pl.DataFrame,
    partitions: Iterable[tuple[int, pl.DataFrame]],
    prepared: Prepared,
    written: Written,
) -> Workflow:
    """Fit ``graph`` on the training part; write the parts, users and items; the fitted workflow.

    ``rows``: all interactions; ``partitions``: those that are not yet ``written``, numbered (see
    ``workflows.partitions``). In both, users and items are rows of their tables.
    """
    recipe, columns, tables = graph.recipe, graph.recipe.columns, derived.tables
    training = rows[PART].to_numpy() != TEST
    raw = [
        (table, name, features, np.bincount(rows[name].to_numpy()[training], minlength=len(table)))
        for table, name, features in (
            (tables.users, columns.user, recipe.features.user),
            (tables.items, columns.item, recipe.features.item),
        )
    ]
    categories = Categories(graph, [(side[0], side[2], side[3]) for side in raw])
    sides = [encoded_side(graph, *side, categories, derived.targets) for side in raw]
    means = encoded_means(graph, derived.targets)
    workflow = graph.rows()
    workflow.fit_schema(joined_schema(encodable(columns, rows.head(0)).schema, tables))
    schema = tidy(workflow.output_schema.excluding_by_name([PART]))
    arrow = arrow_schema(schema)
    folders = [prepared.interactions(part) for part in PARTS]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        write_schema(schema, folder)

    def write(number: int, partition: pl.DataFrame) -> None:
        encoded = _encoded(graph, sides, partition, derived.told(partition, means), arrow)
        parts = partition[PART].to_numpy()
        write_partition(encoded, parts, number, folders, columns.timestamp)
        written.add(number)

    with_each(partitions, write)
    for side, table, name, path in zip(
        sides,
        (tables.users, tables.items),
        (columns.user, columns.item),
        (prepared.users, prepared.items),
        strict=True,
    ):
        own = pa.schema([arrow.field(column) for column in side.columns])
        write_side(side.to_arrow().cast(own), table[name], path)
    return workflow


def encoded_side(
    graph: FeatureGraph,
    table: pl.DataFrame,
    name: str,
    features: dict[str, Feature],
    counts: np.ndarray,
    categories: Categories,
    targets: Mapping[str, TargetStatistics],
) -> pl.DataFrame:
    """A users or items table with its id and features encoded, and the graph's operators fitted.

    ``counts``: how often each row occurs in the training part, int64 [rows]; ``targets``: by name.
    """
    encoded = [categories.codes(table[name], Feature(kind="categorical"), counts)]
    # a combination is of the codes of others
    for column, feature in sorted(features.items(), key=lambda one: one[1].kind == "combined"):
        if feature.kind == "bucket":
            values = table[column].to_numpy()
            encoded.append(pl.Series(column, bucket_codes(values, feature.boundaries)))
        elif feature.is_number:
            encoded.append(_number(graph, table[column], feature, counts, targets.get(column)))
        elif feature.kind == "combined":
            codes = {one.name: one.to_numpy() for one in encoded}
            together = combinations([codes[part] for part in feature.of])
            series = pl.Series(column, pa.array(together, pa.string()))
            encoded.append(categories.codes(series, feature, counts))
        else:
            encoded.append(categories.codes(table[column], feature, counts))
    return pl.DataFrame(encoded).select(name, *features)


def _number(
    graph: FeatureGraph,
    column: pl.Series,
    feature: Feature,
    counts: np.ndarray,
    target: TargetStatistics | None,
) -> pl.Series:
    filled = column.fill_null(feature.fill).to_numpy()
    values = shaped(filled, feature.clip, feature.log)
    scaling = graph.scaling(feature)
    if target is None:
        mean, std = scaling.fitted(values, counts)
    else:  # what the rows are told differs from what the table says
        told, times = target.told_in_training()
        mean, std = scaling.fitted(shaped(told, feature.clip, feature.log), times)
    scaling.means[column.name], scaling.stds[column.name] = mean, std
    return pl.Series(column.name, normalized(values, mean, std))


def _encoded(
    graph: FeatureGraph,
    sides: list[pl.DataFrame],
    partition: pl.DataFrame,
    told: list[pl.Series],
    schema: pa.Schema,
) -> pa.Table:
    """The columns of ``schema`` for the rows of a partition, to which targets were ``told``."""
    recipe, columns = graph.recipe, graph.recipe.columns
    keys = (columns.user, columns.item)
    encoded = {
        name: column
        for key, side in zip(keys, sides, strict=True)
        for name, column in side[partition[key]].to_dict().items()
    } | {each.name: each for each in told}
    length = recipe.interactions.history_length
    if length:
        values, offsets = history_lists(
            partition[columns.user].to_numpy(),
            encoded[columns.item].to_numpy(),
            partition[PART].to_numpy(),
            partition[POSITIVE].to_numpy() > 0,
            length,
            earlier_only=recipe.split.kind in IN_TIME,
        )
        name = history_name(columns.item)
        encoded[name] = nested_lists(name, values, offsets)
    whole = partition.drop(*keys).with_columns(**encoded)
    return arrow_table(whole.select(schema.names)).cast(schema)
