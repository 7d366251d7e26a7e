"""LightGCN's Gowalla, read from lists or from the graph, with the published test part marked."""

import io
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from recipes.load import load
from sources.datasets import gowalla
from sources.tables import RawTables
from stages.errors import ShortlistError
from tests.sources.samples import write

TRAIN = {0: [0, 2], 1: [1], 2: [0, 1]}
LISTS = {"train.txt": b"0 0 2\n1 1\n2 0 1\n", "test.txt": b"0 1\n1 3\n2\n"}


@pytest.fixture(autouse=True)
def _nothing_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHORTLIST_DATA", raising=False)


def graph(pairs: dict[int, list[int]], users: int, items: int) -> bytes:
    """The symmetric adjacency matrix of users, then items, with values other than 1, as published."""
    matrix = np.zeros((users + items, users + items))
    for user, taken in pairs.items():
        for item in taken:
            matrix[user, users + item] = matrix[users + item, user] = 2.0
    file = io.BytesIO()
    sparse.save_npz(file, sparse.csr_matrix(matrix))
    return file.getvalue()


def read(folder: Path) -> RawTables:
    return gowalla.read(load("gowalla"), folder)


@pytest.mark.parametrize(
    "files",
    [
        LISTS,
        {"s_adj_mat.npz": graph(TRAIN, 3, 4), "test.txt": LISTS["test.txt"]},
    ],
    ids=["lists", "graph"],
)
def test_both_forms_give_the_same_pairs(tmp_path: Path, files: dict[str, bytes]) -> None:
    """The training pairs come first, then the test pairs; a user without test items has no test pair."""
    tables = read(write(tmp_path / "gowalla", files).parent)
    assert tables.interactions.in_memory().to_pydict() == {
        "user_id": [0, 0, 1, 2, 2, 0, 1],
        "item_id": [0, 2, 1, 0, 1, 1, 3],
        "held_out": [False] * 5 + [True] * 2,
    }
    assert tables.users.in_memory().to_pydict() == {"user_id": [0, 1, 2], "places": [2, 1, 2]}
    assert tables.items.in_memory().to_pydict() == {"item_id": [0, 1, 2, 3]}


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"train.txt": b"0 0 2\n1 one\n"}, "in line 2 of train.txt of .*, got `1 one`"),
        ({"test.txt": b"0\n1\n"}, "test.txt of .*, got none"),
        (
            {"train.txt": None, "s_adj_mat.npz": b"PK no matrix"},
            "a sparse matrix in s_adj_mat.npz of .*, got an error",
        ),
        (
            {"train.txt": None, "s_adj_mat.npz": graph({0: [0], 1: [0]}, 2, 1)},
            "do not belong together",
        ),
    ],
)
def test_damaged_files_are_named(
    tmp_path: Path, changed: dict[str, bytes | None], complaint: str
) -> None:
    """The message has the problem, the file, and where to get complete files."""
    files = {name: content for name, content in (LISTS | changed).items() if content is not None}
    folder = write(tmp_path / "gowalla", files).parent
    with pytest.raises(ShortlistError, match=complaint) as refusal:
        read(folder)
    assert gowalla.URL in str(refusal.value)


def test_a_matrix_without_two_sides_is_refused(tmp_path: Path) -> None:
    """A graph of users and items has no edges between two users or two items."""
    file = io.BytesIO()
    sparse.save_npz(file, sparse.csr_matrix(np.ones((4, 4))))
    content = {"s_adj_mat.npz": file.getvalue(), "test.txt": LISTS["test.txt"]}
    with pytest.raises(
        ShortlistError, match=r"expected a graph of users and items in .* got other edges"
    ):
        read(write(tmp_path / "gowalla", content).parent)


def test_without_the_files_their_address_is_given(tmp_path: Path) -> None:
    """Nothing is downloaded; the message says what to download."""
    with pytest.raises(ShortlistError, match=r"train\.txt and test\.txt from https://github"):
        gowalla.read(load("gowalla"), None)
