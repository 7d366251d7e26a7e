"""The engines ``dask`` and ``cudf``: NVTabular fits the graph and encodes with it."""

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import pandas as pd
import polars as pl
import pyarrow as pa
from merlin.core.dispatch import convert_data
from merlin.io import Dataset
from merlin.schema import Schema
from nvtabular import Workflow

from shims.workflow_fit import fit
from stages.artifacts import PARTS, Preparing
from stages.atomic import atomic_file
from stages.columns import PART, TEST
from workflows.graph import FeatureGraph, join_workflow, side_schema
from workflows.operators.join import pandas_side
from workflows.partitions import (
    Written,
    arrow_table,
    with_each,
    write_partition,
    write_side,
    write_table,
)
from workflows.schemas import arrow_schema, tidy, write_schema
from workflows.tables import Tables

#: Partitions counted together: fewer counts to add up.
COUNTED_TOGETHER = 4

#: Yields numbered frames, except for these numbers.
Partitions = Callable[[Container[int]], Iterable[tuple[int, pl.DataFrame]]]


def encode(
    graph: FeatureGraph,
    tables: Tables,
    partitions: Partitions,
    preparing: Preparing,
    written: Written,
    parts: Collection[str],
    gpu: bool,
) -> Workflow:
    """Fit ``graph`` on the training part; write users, items and ``parts``; return the workflow.

    ``partitions`` yields the interactions with raw ids, except for the numbers that it is passed. They
    are stored as files, which workers read, so nothing has to be sent to them. Partitions already
    ``written`` count in the fit and are not encoded again.
    """
    paths = _stored(partitions, preparing.partitions)
    together = [paths[n : n + COUNTED_TOGETHER] for n in range(0, len(paths), COUNTED_TOGETHER)]
    training = _dataset(together, True, gpu)
    join = join_workflow(graph.recipe, tables, preparing, list(training.schema.column_names), gpu)
    workflow = graph.rows()
    fit(workflow, _once(join.transform(training)))
    prepared = preparing.output
    names = graph.recipe.columns
    folders = {PARTS.index(part): prepared.interactions(part) for part in parts}
    schema = tidy(workflow.output_schema.excluding_by_name([PART]))
    write_schema(schema, [prepared.root, *folders.values()])
    # at least one: Dask has no data without partitions
    left = [number for number in range(len(paths)) if number not in written] or [0]
    if folders:
        chosen = _dataset([[paths[each]] for each in left], TEST not in folders, gpu)
        encoded = workflow.transform(join.transform(chosen))
        _write_parts(encoded, schema, folders, left, written, names.timestamp)
    for side, table, name, path in (
        (graph.users(), tables.users, names.user, prepared.users),
        (graph.items(), tables.items, names.item, prepared.items),
    ):
        side.fit_schema(side_schema(table, tables.value_types))
        codes = _on_host(side.transform(convert_data(pandas_side(table), cpu=not gpu)))
        write_side(_arrow(codes, arrow_schema(side.output_schema)), table[name], path)
    return workflow


def _stored(partitions: Partitions, folder: Path) -> list[Path]:
    """Store each partition in a file, by number; files of an interrupted run are kept."""
    folder.mkdir(exist_ok=True)
    stored = {int(path.stem) for path in folder.glob("*.parquet")}

    def store(number: int, partition: pl.DataFrame) -> None:
        with atomic_file(folder / f"{number}.parquet") as temporary:
            write_table(arrow_table(partition), temporary)

    with_each(partitions(stored), store)
    return sorted(folder.glob("*.parquet"), key=lambda path: int(path.stem))


def _dataset(paths: list[list[Path]], training_only: bool, gpu: bool) -> Dataset:
    """Return the rows of files; each list of files is a partition."""
    meta = _read(paths[0][:1], False, gpu).iloc[:0]
    rows = dd.from_map(_read, paths, training_only=training_only, gpu=gpu, meta=meta)
    return Dataset(rows, cpu=not gpu)


def _read(paths: list[Path], training_only: bool, gpu: bool) -> Any:
    frame = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    if training_only:
        frame = frame[frame[PART] != TEST].reset_index(drop=True)
    if not gpu:
        return frame
    import cudf

    return cudf.from_pandas(frame)


def _once(rows: Dataset) -> Dataset:
    """Return the same rows; a fit reads and joins each partition only once.

    Dask would otherwise fuse this with the next step, and every operator reads all partitions.
    """
    frame = rows.to_ddf()
    partitions = dd.from_delayed(frame.to_delayed(), meta=frame._meta, verify_meta=False)
    return Dataset(partitions, cpu=rows.cpu, schema=rows.schema)


def _write_parts(
    encoded: Dataset,
    schema: Schema,
    folders: Mapping[int, Path],
    numbers: list[int],
    written: Written,
    timestamp: str | None,
) -> None:
    arrow = arrow_schema(schema)
    # fused with the encoding, so no encoded rows move between workers
    rows = encoded.to_ddf()
    dask.compute(
        rows.map_partitions(_write, folders, arrow, numbers, written, timestamp, meta=_NOTHING)
    )


_NOTHING = pd.Series([], dtype=int)


def _write(
    frame: Any,
    folders: Mapping[int, Path],
    schema: pa.Schema,
    numbers: list[int],
    written: Written,
    timestamp: str | None,
    partition_info: dict[str, int],
) -> pd.Series:
    host, number = _on_host(frame), numbers[partition_info["number"]]
    write_partition(_arrow(host, schema), host[PART].to_numpy(), number, folders, timestamp)
    written.add(number)
    return _NOTHING


def _on_host(frame: Any) -> pd.DataFrame:
    return frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()


def _arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    table = pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)
    return table.replace_schema_metadata(None)
