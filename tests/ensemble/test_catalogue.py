"""Raw ids and rows, read from array files."""

from pathlib import Path

import numpy as np
import pytest

from runtime.candidates import catalogue
from runtime.candidates.catalogue import Catalogue, ItemCodes
from runtime.errors import ReleaseError

IDS = ["10", "9", "Zoë", "a b", "日本", "a"]


@pytest.fixture
def items(tmp_path: Path) -> Catalogue:
    """Six items in an arbitrary order."""
    Catalogue.write(tmp_path, IDS)
    return Catalogue.load(tmp_path)


def test_every_id_has_its_row(items: Catalogue) -> None:
    """In any script and any order of the rows, at the first lookup and later ones."""
    assert items.rows(IDS) == [0, 1, 2, 3, 4, 5]
    assert items.rows(reversed(IDS)) == [5, 4, 3, 2, 1, 0]
    assert items.row("日本") == 4


def test_what_is_no_id_has_no_row(items: Catalogue) -> None:
    """Longer and shorter ids, the empty one, None, and one with a null character at the end."""
    wrong = ["1", "100", "", None, "a\0", "\0", "日", "x" * 1_000_000, "\udcff"]
    assert items.rows(wrong) == [-1] * len(wrong)


def test_rows_have_their_ids_back(items: Catalogue) -> None:
    """In the shape of the rows; no item gets the empty id."""
    found = items.raw_ids(np.array([[4, -1], [0, 2]]))
    assert found.tolist() == [["日本", ""], ["10", "Zoë"]]


def test_ids_are_forgotten_when_there_are_many(
    items: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory of the cache is bounded, and the answers stay right."""
    monkeypatch.setattr(catalogue, "REMEMBERED", 2)
    for _ in range(3):
        for ids in (IDS[:4], IDS[3:], [*IDS[:2], "nobody"]):
            assert items.rows(ids) == [IDS.index(each) if each in IDS else -1 for each in ids]
    assert len(items._known) <= len(IDS)


def test_codes_of_items_are_those_of_their_rows(items: Catalogue) -> None:
    """An OOV item has the code of its row; what is not an item gets the default."""
    codes = ItemCodes(items, np.array([3, 4, 2, 5, 6, 7]))
    assert [codes.get(each, 2) for each in ["9", "Zoë", "nobody"]] == [4, 2, 2]
    assert codes["a"] == 7
    with pytest.raises(KeyError):
        codes["nobody"]


def test_a_release_without_a_catalogue_is_refused(tmp_path: Path) -> None:
    """The error names the folder."""
    with pytest.raises(ReleaseError, match=tmp_path.name):
        Catalogue.load(tmp_path)
