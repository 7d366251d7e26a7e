"""The engines ``dask`` and ``cudf``: NVTabular fits the graph and encodes with it."""

import workflows.merlin_compat  # noqa: F401  isort: skip

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from merlin.io import Dataset
from nvtabular import Workflow

from recipes.artifacts import PARTS, Prepared
from workflows.graph import FeatureGraph, join_workflow, table_dataset
from workflows.partitions import arrow_table, write_partition, write_side, write_table
from workflows.schemas import arrow_schema, tidy, write_schema
from workflows.selection import PART
from workflows.splits import TEST
from workflows.tables import Tables

#: Integers that can be null. pandas would otherwise make floats of them, which are not exact.
_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def encode(
    graph: FeatureGraph,
    tables: Tables,
    partitions: Iterable[pl.DataFrame],
    prepared: Prepared,
    gpu: bool,
) -> Workflow:
    """Fit ``graph`` on the training part; write the parts, users and items; the fitted workflow.

    ``partitions``: the interactions with raw ids, see ``workflows.partitions``. They are laid down
    beside the output: workers read them instead of being sent them.
    """
    scratch = prepared.root / "scratch"
    scratch.mkdir()
    paths = []
    for number, partition in enumerate(partitions):
        paths.append(scratch / f"{number}.parquet")
        write_table(arrow_table(partition), paths[-1])
    rows, training = _datasets(paths, gpu)
    columns = list(rows.schema.column_names)
    users = pandas_side(tables.users)
    items = pandas_side(tables.items)
    join = join_workflow(graph.recipe, (users, items), tables.kinds, columns, gpu)
    workflow = graph.rows()
    workflow.fit(join.transform(training))
    encoded = workflow.transform(join.transform(rows))
    _write_parts(encoded, [prepared.interactions(part) for part in PARTS])
    shutil.rmtree(scratch)

    names = graph.recipe.columns
    for side, frame, table, name, path in (
        (graph.users(), users, tables.users, names.user, prepared.users),
        (graph.items(), items, tables.items, names.item, prepared.items),
    ):
        done = side.transform(table_dataset(frame, tables.kinds, gpu))
        codes = _on_host(done.to_ddf().compute())
        write_side(_arrow(codes, arrow_schema(done.schema)), table[name], path)
    return workflow


def pandas_side(table: pl.DataFrame) -> pd.DataFrame:
    """A users or items table for NVTabular: integers stay integers beside nulls."""
    frame = pd.DataFrame(index=pd.RangeIndex(len(table)))
    for name in table.columns:
        column = table[name].to_arrow(compat_level=pl.CompatLevel.oldest())
        if isinstance(table.schema[name], pl.List):
            frame[name] = _lists(column)
        else:
            frame[name] = column.to_pandas(
                types_mapper=_NULLABLE.get if column.null_count else None
            )
    return frame


def _lists(column: pa.LargeListArray) -> pd.Series:
    lists = np.empty(len(column), object)
    # pandas would make floats of integers that stand beside a null, and signed ones of unsigned
    has_nulls = column.flatten().null_count > 0
    unsigned = column.type.value_type == pa.uint64()
    for row, values in enumerate(column.to_pylist() if has_nulls else column.to_pandas()):
        if has_nulls and unsigned:
            lists[row] = [None if value is None else np.uint64(value) for value in values]
        else:
            lists[row] = values
    return pd.Series(lists)


def _datasets(paths: list[Path], gpu: bool) -> tuple[Dataset, Dataset]:
    """All rows, and those of the training part."""
    meta = _read(paths[0], False, gpu).iloc[:0]
    everything = dd.from_map(_read, paths, training_only=False, gpu=gpu, meta=meta)
    training = dd.from_map(_read, paths, training_only=True, gpu=gpu, meta=meta)
    return Dataset(everything, cpu=not gpu), Dataset(training, cpu=not gpu)


def _read(path: Path, training_only: bool, gpu: bool) -> Any:
    frame = pd.read_parquet(path)
    if training_only:
        frame = frame[frame[PART] != TEST].reset_index(drop=True)
    if not gpu:
        return frame
    import cudf

    return cudf.from_pandas(frame)


def _write_parts(encoded: Dataset, folders: list[Path]) -> None:
    schema = tidy(encoded.schema.excluding_by_name([PART]))
    for folder in folders:
        folder.mkdir(parents=True)
        write_schema(schema, folder)
    arrow = arrow_schema(schema)
    partitions = enumerate(encoded.to_ddf().to_delayed())
    dask.compute(
        *[dask.delayed(_write)(frame, number, folders, arrow) for number, frame in partitions]
    )


def _write(frame: Any, number: int, folders: list[Path], schema: pa.Schema) -> None:
    host = _on_host(frame)
    write_partition(_arrow(host, schema), host[PART].to_numpy(), number, folders)


def _on_host(frame: Any) -> pd.DataFrame:
    return frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()


def _arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    table = pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)
    return table.replace_schema_metadata(None)
