"""The encoded users and items tables: a row per id, sorted by raw id."""

import workflows.merlin_compat  # noqa: F401  isort: skip

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from nvtabular import Workflow

from ensemble.runtime.encoding import spell
from workflows.graph import table_dataset
from workflows.partitions import arrow_schema


def write_side(
    workflow: Workflow, table: pd.DataFrame, name: str, kinds: dict[str, str], path: Path
) -> None:
    """Encode a users or items table with its fitted workflow.

    Columns: ``raw_id`` (string), the id's code under ``name``, then the features. An id that is not
    in the vocabulary has code 2, and its features all the same.
    """
    encoded = workflow.transform(table_dataset(table, kinds))
    frame = encoded.to_ddf().compute()
    host = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
    schema = arrow_schema(encoded.schema)
    codes = pa.Table.from_pandas(host[schema.names], schema, preserve_index=False)
    raw = pa.array([spell(value, kinds[name]) for value in table[name]], pa.string())
    pq.write_table(codes.add_column(0, "raw_id", raw), path)
