"""Raw values <-> codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.features.categorical import Categorical
from runtime.features.spelling import spell
from runtime.features.vocabulary import Vocabulary

VALUES = {
    "integer": st.integers(-(2**63), 2**63 - 1),
    "string": st.text(),
    # -0.0 equals 0.0, in pandas as well: one value.
    "float": st.floats(allow_nan=False).map(lambda value: value + 0.0),
    "boolean": st.booleans(),
}


def written(folder: Path, values: list[Any], dtype: str) -> Vocabulary:
    path = folder / "column.json"
    Vocabulary.write(path, [spell(value, dtype) for value in values])
    return Vocabulary(path)


@pytest.mark.parametrize("dtype", VALUES)
@given(data=st.data())
def test_every_value_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, data: Any
) -> None:
    """Any integers, texts, floats, booleans: raw -> code -> raw is the same value."""
    values = data.draw(st.lists(VALUES[dtype], unique_by=lambda value: str(value)))
    vocabulary = written(tmp_path_factory.mktemp("vocabulary"), values, dtype)
    codes = Categorical("column", dtype, vocabulary).encode(values)
    assert codes.tolist() == list(range(3, 3 + len(values)))
    decoded = vocabulary.decode(codes, dtype)
    assert [repr(value) for value in decoded] == [repr(one) for one in values]


def test_null_and_unknown_have_codes_of_their_own(tmp_path: Path) -> None:
    """1 and 2; both decode to None."""
    vocabulary = written(tmp_path, ["a", ""], "string")
    codes = Categorical("column", "string", vocabulary).encode(["", "b", None, float("nan")])
    assert codes.tolist() == [4, 2, 1, 1]
    assert vocabulary.decode([0, 1, 2, 3, 4], "string") == [None, None, None, "a", ""]


def test_a_file_is_a_json_list(tmp_path: Path) -> None:
    """The values in code order, line ends and unicode included."""
    values = ["ü\n", '"', "\u2028", "中国"]
    vocabulary = written(tmp_path, values, "string")
    assert list(vocabulary) == json.loads((tmp_path / "column.json").read_text("utf-8")) == values


@pytest.mark.parametrize("code", [-1, 4])
def test_a_code_out_of_range_is_refused(tmp_path: Path, code: int) -> None:
    """The message gives the range and the command."""
    with pytest.raises(ValueError, match=rf"codes from 0 to 3, got {code}.*shortlist prepare"):
        written(tmp_path, ["a"], "string").decode([code], "string")
