"""The tables on which data preparation is measured."""

from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from benchmarks.etl import tables


def test_both_forms_hold_the_same_rows(tmp_path: Path) -> None:
    """The flat file is the interactions joined with the features of their user and item."""
    tables.write(2_000, tmp_path)
    raw = tables.artifacts(tmp_path).raw
    joined = (
        pl.read_parquet(raw.interactions)
        .join(pl.read_parquet(raw.users), on="user", how="left", maintain_order="left")
        .join(pl.read_parquet(raw.items), on="item", how="left", maintain_order="left")
    )
    flat = pl.read_parquet(tables.flat(tmp_path))
    assert_frame_equal(joined.select(tables.COLUMNS), flat)
    assert flat["user"].n_unique() > 50
