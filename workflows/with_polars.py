"""The engine ``polars``: the feature list fitted and applied without NVTabular's operators.

What a feature becomes depends on its user or item alone. So each side's table is encoded once and its
rows are gathered by number, and a vocabulary is counted there too: each row as often as the training
part has an interaction of it. Nothing is joined. The fitted values then go into NVTabular's
operators, whose workflow is what it would be had NVTabular fitted it.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from nvtabular import Workflow

from ensemble.runtime.number_features import shaped
from recipes.artifacts import PARTS, Prepared
from recipes.data import POSITIVE, Feature
from workflows.buckets import bucket_codes
from workflows.categorify import vocabulary_path, write_vocabulary
from workflows.derived import Derived, encoded_means
from workflows.graph import FeatureGraph, joined_schema
from workflows.history import history_lists, history_name
from workflows.lookup import Lookup
from workflows.normalize import normalized
from workflows.partitions import Written, arrow_table, encodable, write_partition, write_side
from workflows.schemas import arrow_schema, tidy, write_schema
from workflows.selection import PART
from workflows.splits import IN_TIME, TEST
from workflows.target import TargetStatistics
from workflows.vocabularies import codes_of, collected, counted

#: How many partitions are encoded at a time: reading, gathering and writing leave each other room.
AT_A_TIME = 2


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
    sides = []
    for table, name, features in (
        (tables.users, columns.user, recipe.features.user),
        (tables.items, columns.item, recipe.features.item),
    ):
        counts = np.bincount(rows[name].to_numpy()[training], minlength=len(table))
        sides.append(encoded_side(graph, table, name, features, counts, derived.targets))
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
        told = {
            target: pl.Series(target, each.of_interactions(partition, means[target]))
            for target, each in derived.targets.items()
        }
        encoded = _encoded(graph, sides, partition, told, arrow)
        write_partition(encoded, partition[PART].to_numpy(), number, folders)
        written.add(number)

    pending: list[Future[None]] = []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for number, partition in partitions:
            if len(pending) == AT_A_TIME:  # no more of them in memory than that
                pending.pop(0).result()
            pending.append(pool.submit(write, number, partition))
        for each in pending:
            each.result()
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
    targets: Mapping[str, TargetStatistics],
) -> pl.DataFrame:
    """A users or items table with its id and features encoded, and the graph's operators fitted.

    ``counts``: how often each row occurs in the training part, int64 [rows]; ``targets``: by name.
    """
    weighted = table.with_columns(pl.Series(_SIZE, counts))
    encoded = [_categorical(graph, weighted, name)]
    for column, feature in features.items():
        if feature.kind == "bucket":
            values = table[column].to_numpy()
            encoded.append(pl.Series(column, bucket_codes(values, feature.boundaries)))
        elif feature.is_number:
            filled = table[column].fill_null(feature.fill).to_numpy()
            values = shaped(filled, feature.clip, feature.log)
            scaling = graph.scaling(feature)
            if column in targets:  # what the rows are told differs from what the table says
                told, times = targets[column].told_in_training()
                mean, std = scaling.fitted(shaped(told, feature.clip, feature.log), times)
            else:
                mean, std = scaling.fitted(values, counts)
            scaling.means[column], scaling.stds[column] = mean, std
            encoded.append(pl.Series(column, normalized(values, mean, std)))
        elif feature.several:
            encoded.append(_several(graph, weighted, column, feature.max_length))
        else:
            encoded.append(_categorical(graph, weighted, column))
    return pl.DataFrame(encoded)


_SIZE = "__size"


def _categorical(graph: FeatureGraph, table: pl.DataFrame, name: str) -> pl.Series:
    values = table.select(name, _SIZE).filter(pl.col(_SIZE) > 0)
    vocabulary = collected(counted(values.lazy(), name, pl.col(_SIZE).sum()))
    return _fitted(graph, name, vocabulary)(table[name])


def _several(graph: FeatureGraph, table: pl.DataFrame, name: str, length: int) -> pl.Series:
    lists = table.select(pl.col(name).list.head(length), _SIZE)
    sizes = lists[name].list.len().to_numpy()
    flat = lists.explode(name, empty_as_null=False)
    values = flat.filter(pl.col(_SIZE) > 0)
    vocabulary = collected(counted(values.lazy(), name, pl.col(_SIZE).sum()))
    codes = _fitted(graph, name, vocabulary)(flat[name])
    return _nested(name, codes.to_numpy(), np.concatenate([[0], np.cumsum(sizes)]))


def _nested(name: str, values: np.ndarray, offsets: np.ndarray) -> pl.Series:
    return pl.Series(name, pa.LargeListArray.from_arrays(offsets.astype(np.int64), values))


def _fitted(graph: FeatureGraph, name: str, vocabulary: pl.DataFrame) -> Lookup:
    """Write a vocabulary for ``Categorify``; the codes of its values."""
    kept = vocabulary.filter(pl.col("size") >= graph.categorify.freq_threshold[name])
    path = vocabulary_path(Path(graph.categorify.out_path), name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_vocabulary(path, name, kept[name].to_arrow(), kept["size"].to_numpy())
    graph.categorify.categories[name] = str(path)
    return codes_of(kept[name])


def _encoded(
    graph: FeatureGraph,
    sides: list[pl.DataFrame],
    partition: pl.DataFrame,
    told: dict[str, pl.Series],
    schema: pa.Schema,
) -> pa.Table:
    """The columns of ``schema`` for the rows of a partition, to which targets were ``told``."""
    recipe, columns = graph.recipe, graph.recipe.columns
    keys = (columns.user, columns.item)
    encoded = {
        name: column
        for key, side in zip(keys, sides, strict=True)
        for name, column in side[partition[key]].to_dict().items()
    } | told
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
        encoded[name] = _nested(name, values, offsets)
    whole = partition.drop(*keys).with_columns(**encoded)
    return arrow_table(whole.select(schema.names)).cast(schema)
