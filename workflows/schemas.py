"""The types of the encoded columns: in Parquet, and in Merlin's schema beside it."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
from merlin.schema import ColumnSchema, Schema
from merlin.schema.io.tensorflow_metadata import TensorflowMetadata


def arrow_schema(schema: Schema) -> pa.Schema:
    """Return the column types as written: int64 codes, float32 numbers, lists of them."""
    fields = []
    for column in schema:
        kind = pa.from_numpy_dtype(column.dtype.to_numpy)
        fields.append((column.name, pa.list_(kind) if column.is_list else kind))
    return pa.schema(fields)


def tidy(schema: Schema) -> Schema:
    """Drop NVTabular's internal properties, such as the path of a vocabulary."""
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


def write_schema(schema: Schema, folders: Iterable[Path]) -> None:
    """Write ``schema.pbtxt``, which Merlin's ``Dataset`` finds beside the Parquet files of each folder."""
    metadata = TensorflowMetadata.from_merlin_schema(schema)
    for feature in metadata.proto_schema.feature:
        feature.annotation.tag.sort()  # tags are a set; sorted, they give the same file on every run
    for folder in folders:
        folder.mkdir(exist_ok=True)
        metadata.to_proto_text_file(str(folder))
