"""Interactions in partitions that hold whole users, in the order of time: in, and out again."""

import workflows.merlin_compat  # noqa: F401  isort: skip

from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from merlin.io import Dataset
from merlin.schema import ColumnSchema, Schema
from merlin.schema.io.tensorflow_metadata import TensorflowMetadata

from recipes.artifacts import PARTS
from workflows.cluster import gpu_is_present
from workflows.graph import PART
from workflows.splits import TEST

#: Rows per partition, about: the unit of work of a Dask worker and what it holds in memory.
ROWS_PER_PARTITION = 250_000


def in_partitions(
    interactions: pd.DataFrame, user: str, timestamp: str | None
) -> list[pd.DataFrame]:
    """Frames of about ``ROWS_PER_PARTITION`` rows: whole users, their rows in the order of time.

    Users are dealt out in turn, so that a partition is a sample of all of them. How many partitions
    there are depends on the data alone: the output is the same on any number of workers.
    """
    codes = pd.factorize(interactions[user], sort=True)[0]
    count = max(1, round(len(interactions) / ROWS_PER_PARTITION))
    keys = [codes, codes % count]
    if timestamp is not None:
        keys.insert(0, interactions[timestamp].to_numpy())
    order = np.lexsort(keys)  # stable: equal times keep the order of the table
    ends = np.searchsorted((codes % count)[order], np.arange(count), side="right")
    bounds = zip(np.concatenate([[0], ends[:-1]]), ends, strict=True)
    return [interactions.iloc[order[a:b]].reset_index(drop=True) for a, b in bounds]


def as_datasets(frames: list[pd.DataFrame], folder: Path) -> tuple[Dataset, Dataset]:
    """All rows, and those of the training part, as data sets for NVTabular.

    The partitions are laid down in ``folder``: workers read them instead of being sent them.
    """
    folder.mkdir()
    paths = []
    for number, frame in enumerate(frames):
        paths.append(folder / f"{number}.parquet")
        frame.to_parquet(paths[-1])
    gpu = gpu_is_present()
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


def write_parts(encoded: Dataset, folders: dict[str, Path]) -> None:
    """Write the rows of each of ``PARTS`` below its folder, with the schema."""
    schema = tidy(encoded.schema.excluding_by_name([PART]))
    places = [folders[part] for part in PARTS]
    for folder in places:
        folder.mkdir(parents=True)
        write_schema(schema, folder)
    arrow = arrow_schema(schema)
    partitions = enumerate(encoded.to_ddf().to_delayed())
    dask.compute(
        *[dask.delayed(_write)(frame, number, places, arrow) for number, frame in partitions]
    )


def _write(frame: Any, number: int, folders: list[Path], schema: pa.Schema) -> None:
    host = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
    parts = host[PART].to_numpy()
    for code, folder in enumerate(folders):
        rows = host.loc[parts == code, schema.names]
        # a data set must have one file; further ones only where they hold something
        if len(rows) or number == 0:
            table = pa.Table.from_pandas(rows, schema, preserve_index=False)
            pq.write_table(table, folder / f"part_{number:05}.parquet")


def arrow_schema(schema: Schema) -> pa.Schema:
    """Column types as written: int64 codes, float32 numbers, lists of them."""
    fields = []
    for column in schema:
        kind = pa.from_numpy_dtype(column.dtype.to_numpy)
        fields.append((column.name, pa.list_(kind) if column.is_list else kind))
    return pa.schema(fields)


def tidy(schema: Schema) -> Schema:
    """Without NVTabular's own notes, such as the path that a vocabulary was written to."""
    kept = ("domain", "value_count")
    return Schema(
        [
            ColumnSchema(
                column.name,
                tags=column.tags,
                properties={
                    key: column.properties[key] for key in kept if key in column.properties
                },
                dtype=column.dtype.without_shape,
                dims=_dims(column),
            )
            for column in schema
        ]
    )


def _dims(column: ColumnSchema) -> tuple:
    if not column.is_list:
        return (None,)
    counts = column.properties["value_count"]
    return (None, (counts["min"], counts["max"]))


def write_schema(schema: Schema, folder: Path) -> None:
    """``schema.pbtxt``, which Merlin's ``Dataset`` finds beside the Parquet files."""
    metadata = TensorflowMetadata.from_merlin_schema(schema)
    for feature in metadata.proto_schema.feature:
        feature.annotation.tag.sort()  # tags are a set: the same file on every run
    metadata.to_proto_text_file(str(folder))
