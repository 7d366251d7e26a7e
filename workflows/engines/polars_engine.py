"""The engine ``polars`` fits and applies the feature list without NVTabular's operators.

An encoded feature depends only on its user or item. So each side's table is encoded once and its rows are
gathered by number. Vocabularies are counted there too: each row counts as often as it occurs in the
interactions of the training part. Nothing is joined. The fitted values then go into NVTabular's
operators, whose workflow is the same as if NVTabular had fitted it.
"""

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import polars as pl
import pyarrow as pa
from nvtabular import Workflow

from features.category import Ids
from features.kind import FeatureKind, PolarsSide
from features.target_statistics import TargetStatistics
from stages.artifacts import PARTS, Prepared
from stages.columns import HISTORY, PART, POSITIVE, TEST
from workflows.derived import Derived, encoded_means
from workflows.engines.polars_categories import Categories, nested_lists
from workflows.graph import FeatureGraph, joined_schema
from workflows.operators.history import history_lists
from workflows.partitions import (
    Written,
    arrow_table,
    encodable,
    with_each,
    write_partition,
    write_side,
)
from workflows.schemas import arrow_schema, tidy, write_schema
from workflows.splits import IN_TIME


def encode(
    graph: FeatureGraph,
    derived: Derived,
    rows: pl.DataFrame,
    partitions: Iterable[tuple[int, pl.DataFrame]],
    prepared: Prepared,
    written: Written,
    parts: Collection[str],
) -> Workflow:
    """Fit ``graph`` on the training part; write users, items and ``parts``; return the workflow.

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
    folders = {PARTS.index(part): prepared.interactions(part) for part in parts}
    write_schema(schema, [prepared.root, *folders.values()])

    def write(number: int, partition: pl.DataFrame) -> None:
        if folders:
            partition = partition.filter(pl.col(PART).is_in(list(folders)))
            encoded = _encoded(graph, sides, partition, derived.given(partition, means), arrow)
            codes = partition[PART].to_numpy()
            write_partition(encoded, codes, number, folders, columns.timestamp)
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
    features: Mapping[str, FeatureKind],
    counts: np.ndarray,
    categories: Categories,
    targets: Mapping[str, TargetStatistics],
) -> pl.DataFrame:
    """Encode the id and features of a users or items table, and fit the graph's operators.

    ``counts``: how often each row occurs in the training part, int64 [rows]; ``targets``: by name.
    """
    side = PolarsSide(table, counts, graph, categories, targets)
    ids = Ids().encode(name, side)
    # a crossed feature needs the codes of its parts
    for column, feature in sorted(features.items(), key=lambda one: one[1].is_combined):
        side.encoded[column] = feature.encode(column, side)
    return pl.DataFrame({name: ids, **{column: side.encoded[column] for column in features}})


def _encoded(
    graph: FeatureGraph,
    sides: list[pl.DataFrame],
    partition: pl.DataFrame,
    given: list[pl.Series],
    schema: pa.Schema,
) -> pa.Table:
    """Return the columns of ``schema`` for the rows of a partition; ``given``: their targets."""
    recipe, columns = graph.recipe, graph.recipe.columns
    keys = (columns.user, columns.item)
    encoded = {
        name: column
        for key, side in zip(keys, sides, strict=True)
        for name, column in side[partition[key]].to_dict().items()
    } | {each.name: each for each in given}
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
        encoded[HISTORY] = nested_lists(HISTORY, values, offsets)
    whole = {name: encoded[name] if name in encoded else partition[name] for name in schema.names}
    return arrow_table(pl.DataFrame(whole)).cast(schema)
