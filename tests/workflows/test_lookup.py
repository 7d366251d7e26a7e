"""From values to their places, by table and by hash."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.value_lookup import Lookup

WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)
VALUES: dict[str, tuple[st.SearchStrategy[Any], pl.DataType]] = {
    "whole": (WHOLE, pl.Int64()),
    "close": (st.integers(-50, 50), pl.Int64()),
    "unsigned": (st.integers(0, 2**64 - 1), pl.UInt64()),
    "floats": (st.floats(allow_nan=False), pl.Float64()),
    "truth": (st.booleans(), pl.Boolean()),
    "words": (st.text(st.characters(exclude_categories=["Cs"])), pl.String()),
}


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
@settings(deadline=None)
def test_any_values_agree_with_a_dictionary(kind: str, data: Any) -> None:
    """Known values give their place, others and nulls the configured code, whatever the type."""
    value, dtype = VALUES[kind]
    known = data.draw(st.lists(value, max_size=20, unique=True))
    asked = data.draw(st.lists(st.none() | value | st.sampled_from([*known, None])))
    look_up = Lookup(pl.Series(known, dtype=dtype), first=3, unknown=2, null=1)
    places = {one: place for place, one in enumerate(known, 3)}
    expected = [1 if one is None else places.get(one, 2) for one in asked]
    assert look_up(pl.Series("asked", asked, dtype)).to_list() == expected


def test_integers_far_apart_are_kept_apart() -> None:
    """The smallest and largest of 64 bits: their distance fits no table, nor a signed number."""
    ends = pl.Series([2**63 - 1, -(2**63)])
    look_up = Lookup(ends, first=1)
    assert look_up.table is None
    assert look_up(pl.Series([-(2**63), 0, 2**63 - 1])).to_list() == [2, 0, 1]


def test_a_lookup_is_part_of_a_lazy_plan() -> None:
    """On a column of another integer type, with the result's type known in advance."""
    look_up = Lookup(pl.Series([7, 8]), dtype=np.uint32)
    plan = pl.LazyFrame({"a": pl.Series([8, 7, 8], dtype=pl.Int16)}).select(look_up.of("a"))
    assert plan.collect_schema() == {"a": pl.UInt32}
    assert plan.collect(engine="streaming")["a"].to_list() == [1, 0, 1]


def test_zero_has_no_sign() -> None:
    """-0.0 and 0.0 are one value."""
    look_up = Lookup(pl.Series([0.0, math.inf]), first=1)
    assert look_up(pl.Series([-0.0, math.inf, -math.inf])).to_list() == [1, 2, 0]
