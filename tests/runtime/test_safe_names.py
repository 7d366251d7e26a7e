"""Names of tensors and files: one for each column name, which Keras, ONNX and file systems accept."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.candidates.ranker_features import RANKER_FEATURES, RETRIEVAL_SCORE
from runtime.safe_names import history_name, safe_name
from tests.hostile_names import HOSTILE

#: What TensorFlow takes as the name of a scope (``tensorflow.python.framework.ops``).
SCOPE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")
NAMES = (
    st.sampled_from(HOSTILE)
    | st.from_regex(r"[a-z_]{1,4}", fullmatch=True)
    | st.text(max_size=80)
    | st.sampled_from(HOSTILE).map(safe_name)
    | st.sampled_from(HOSTILE).map(history_name)
)


@given(names=st.lists(NAMES, unique=True, min_size=2, max_size=30))
def test_different_names_stay_different(names: list[str]) -> None:
    """In any case of letters, too; a name that looks like a safe name of another is no exception."""
    safe = [safe_name(name) for name in names]
    assert len({each.lower() for each in safe}) == len(names)
    assert not {*safe} & {history_name(name) for name in names}


@given(name=NAMES)
def test_a_safe_name_is_valid_for_keras_onnx_and_files(name: str) -> None:
    """An identifier in ASCII that starts with a letter, short enough for a file's name with endings."""
    for safe in (safe_name(name), history_name(name)):
        assert SCOPE.fullmatch(safe)
        assert re.fullmatch(r"[a-z][a-z0-9_]*", safe)
        assert len(safe) <= 80


@pytest.mark.parametrize(
    "name", [*RANKER_FEATURES, RETRIEVAL_SCORE, "als_zscore", "target", "output", "item_history"]
)
def test_no_column_takes_the_name_of_a_part_of_a_model(name: str) -> None:
    """Ranker features, histories, targets and outputs keep theirs."""
    assert safe_name(name) != name


@pytest.mark.parametrize("name", ["user_id", "age", "user_consumption_1", "genres", "size"])
def test_an_ordinary_name_is_kept(name: str) -> None:
    """Exported models can be read by people."""
    assert safe_name(name) == name


def test_a_safe_name_shows_what_it_was_made_of() -> None:
    """Letters without their accents, the rest as underscores; then the hash."""
    assert re.fullmatch(r"user_id__[0-9a-f]{16}", safe_name("User ID"))
    assert re.fullmatch(r"menage__[0-9a-f]{16}", safe_name("Ménage"))
    assert re.fullmatch(r"column__[0-9a-f]{16}", safe_name("цена"))
