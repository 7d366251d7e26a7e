"""Raw values <-> codes."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import ShortlistError
from workflows.vocabulary import Vocabulary

VALUES = {
    "integer": st.integers(-(2**63), 2**63 - 1),
    "string": st.text(),
    # -0.0 equals 0.0, to pandas as to a person: one value.
    "float": st.floats(allow_nan=False).map(lambda value: value + 0.0),
    "boolean": st.booleans(),
}


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_every_value_comes_back_exactly(kind: str, data: Any) -> None:
    """Any integers, texts, floats, booleans: raw -> code -> raw is the same value."""
    values = data.draw(st.lists(VALUES[kind], unique_by=lambda value: str(value)))
    vocabulary = Vocabulary.of("column", kind, values)
    codes = vocabulary.encode(values)
    assert codes.tolist() == list(range(3, 3 + len(values)))
    assert [repr(value) for value in vocabulary.decode(codes)] == [repr(one) for one in values]


def test_null_and_unknown_have_codes_of_their_own() -> None:
    """1 and 2; decoded they are no value."""
    vocabulary = Vocabulary.of("column", "string", ["a", ""])
    assert vocabulary.encode(["", "b", None, float("nan")]).tolist() == [4, 2, 1, 1]
    assert vocabulary.decode([0, 1, 2, 3, 4]) == [None, None, None, "a", ""]
    assert vocabulary.cardinality == 5


def test_a_file_holds_it_whole(tmp_path: Path) -> None:
    """Saved and loaded it is the same, line ends and unicode included."""
    vocabulary = Vocabulary.of("column", "string", ["ü\n", '"', "\u2028", "中国"])
    vocabulary.save(tmp_path / "column.json")
    assert Vocabulary.load(tmp_path / "column.json", "column", "string") == vocabulary


def test_a_code_out_of_range_is_refused() -> None:
    """The message gives the range and the command."""
    with pytest.raises(ShortlistError, match=r"codes 0 to 3, and 4 came.*shortlist prepare"):
        Vocabulary.of("column", "string", ["a"]).decode([4])
