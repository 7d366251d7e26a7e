"""The engines ``dask`` and ``cudf``: NVTabular fits the graph and encodes with it."""

import workflows.merlin_compat  # noqa: F401  isort: skip

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import pandas as pd
import polars as pl
import pyarrow as pa
from merlin.core.dispatch import convert_data
from merlin.io import Dataset
from nvtabular import Workflow

from recipes.artifacts import PARTS, Prepared
from workflows.graph import FeatureGraph, join_workflow, side_schema
from workflows.join import pandas_side
from workflows.partitions import arrow_table, write_partition, write_side, write_table
from workflows.schemas import arrow_schema, tidy, write_schema
from workflows.selection import PART
from workflows.splits import TEST
from workflows.tables import Tables


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
    join = join_workflow(graph.recipe, tables, scratch, list(rows.schema.column_names), gpu)
    workflow = graph.rows()
    workflow.fit(_once(join.transform(training)))
    encoded = workflow.transform(join.transform(rows))
    _write_parts(encoded, [prepared.interactions(part) for part in PARTS])
    shutil.rmtree(scratch)

    names = graph.recipe.columns
    for side, table, name, path in (
        (graph.users(), tables.users, names.user, prepared.users),
        (graph.items(), tables.items, names.item, prepared.items),
    ):
        side.fit_schema(side_schema(table, tables.kinds))
        codes = _on_host(side.transform(convert_data(pandas_side(table), cpu=not gpu)))
        write_side(_arrow(codes, arrow_schema(side.output_schema)), table[name], path)
    return workflow


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


def _once(rows: Dataset) -> Dataset:
    """The same rows, of which each partition is computed once in a fit.

    Dask would otherwise fuse the join with what follows, and every column has its own counting.
    """
    frame = rows.to_ddf()
    partitions = dd.from_delayed(frame.to_delayed(), meta=frame._meta, verify_meta=False)
    return Dataset(partitions, cpu=rows.cpu, schema=rows.schema)


def _write_parts(encoded: Dataset, folders: list[Path]) -> None:
    schema = tidy(encoded.schema.excluding_by_name([PART]))
    for folder in folders:
        folder.mkdir(parents=True)
        write_schema(schema, folder)
    arrow = arrow_schema(schema)
    # fused with the encoding, so that no encoded rows travel from one worker to another
    dask.compute(encoded.to_ddf().map_partitions(_write, folders, arrow, meta=_NOTHING))


_NOTHING = pd.Series([], dtype=int)


def _write(
    frame: Any, folders: list[Path], schema: pa.Schema, partition_info: dict[str, int]
) -> pd.Series:
    host = _on_host(frame)
    write_partition(_arrow(host, schema), host[PART].to_numpy(), partition_info["number"], folders)
    return _NOTHING


def _on_host(frame: Any) -> pd.DataFrame:
    return frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()


def _arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    table = pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)
    return table.replace_schema_metadata(None)
