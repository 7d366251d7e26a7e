"""Finding a data set's files in a folder or a zip file, and the message without them."""

from pathlib import Path

import pytest

from sources.files import Dataset, in_archive, local
from stages.errors import ShortlistError
from tests.sources.samples import write, zipped

BIRDS = Dataset(
    title="Birds of Nowhere",
    folder="birds-1k",
    forms=(("birds.dat", "nests.dat"), ("birds.csv",)),
    archives=("birds-1k.zip", "birds.whl"),
    by_hand="Fetch https://birds.example/birds-1k.zip.",
)
DAT = {"birds.dat": b"1\twren\n", "nests.dat": b"1\thedge\n"}
CSV = {"birds.csv": b"1,wren,hedge\n"}


@pytest.fixture(autouse=True)
def _no_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHORTLIST_DATA", raising=False)


@pytest.mark.parametrize("place", ["", "birds-1k"])
@pytest.mark.parametrize("content", [DAT, CSV])
def test_files_lie_in_the_folder_or_in_the_data_sets_own_below(
    tmp_path: Path, place: str, content: dict[str, bytes]
) -> None:
    """Either form is found in either place, and only its files are read."""
    write(tmp_path / place, {**content, "README": b"about birds"})
    found = local(BIRDS, tmp_path)
    assert found is not None
    assert found.content == content
    assert Path(found.origin) == tmp_path / place


@pytest.mark.parametrize("name", ["birds-1k.zip", "birds.whl"])
@pytest.mark.parametrize("prefix", ["", "birds-1k/", "some/other/folder/"])
def test_a_zip_file_is_read_as_it_is(tmp_path: Path, name: str, prefix: str) -> None:
    """A downloaded zip file need not be unpacked, and its files may be in any folder."""
    zipped(tmp_path / name, prefix, DAT)
    found = local(BIRDS, tmp_path)
    assert found is not None
    assert found.content == DAT
    assert found.origin == str(tmp_path / name)


def test_half_a_form_is_not_the_data_set(tmp_path: Path) -> None:
    """A folder with one of two files is skipped for one that has both."""
    write(tmp_path, {"birds.dat": b"half"})
    write(tmp_path / "birds-1k", DAT)
    found = local(BIRDS, tmp_path)
    assert found is not None
    assert found.content == DAT


def test_the_argument_comes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SHORTLIST_DATA is used only if no folder is given."""
    monkeypatch.setenv("SHORTLIST_DATA", str(write(tmp_path / "one", DAT)))
    named = local(BIRDS, None)
    given = local(BIRDS, write(tmp_path / "two", CSV))
    assert named is not None
    assert given is not None
    assert (named.content, given.content) == (DAT, CSV)


def test_a_given_folder_without_the_data_is_an_error(tmp_path: Path) -> None:
    """The message has the expected files, and where to get them."""
    with pytest.raises(ShortlistError) as raised:
        local(BIRDS, tmp_path / "absent")
    assert str(raised.value) == (
        f"expected Birds of Nowhere in {tmp_path / 'absent'} (birds.dat, nests.dat, or birds.csv, "
        "there or in the subfolder birds-1k, or birds-1k.zip or birds.whl), got none of these. "
        "Fetch https://birds.example/birds-1k.zip."
    )


def test_a_named_folder_without_the_data_is_told_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """SHORTLIST_DATA may contain other data sets; if it is not set, nothing is logged."""
    said.clear()
    assert local(BIRDS, None) is None
    assert said == []
    monkeypatch.setenv("SHORTLIST_DATA", str(tmp_path))
    assert local(BIRDS, None) is None
    assert len(said) == 1
    assert said[0].endswith("Looking elsewhere.")


def _with_a_password(whole: bytes) -> bytes:
    """The same zip file with every member marked as encrypted: bit 0 of its flags."""
    marked = bytearray(whole)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = marked.find(signature)
        while at >= 0:
            marked[at + flags] |= 1
            at = marked.find(signature, at + 4)
    return bytes(marked)


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "changed", "password"])
def test_a_damaged_zip_file_is_refused(tmp_path: Path, damage: str) -> None:
    """For half a download, an HTML page or a flipped bit, the message has the file and a remedy."""
    archive = tmp_path / "birds-1k.zip"
    whole = zipped(archive, "", {**DAT, "birds.dat": bytes(range(256)) * 40})
    middle = len(whole) // 3
    damaged = {
        "empty": b"",
        "text": b"<html>Please log in</html>",
        "cut": whole[: len(whole) // 2],
        "changed": whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :],
        "password": _with_a_password(whole),
    }
    archive.write_bytes(damaged[damage])
    with pytest.raises(ShortlistError, match=r"expected a zip file at .*, got an error") as raised:
        local(BIRDS, tmp_path)
    assert str(archive) in str(raised.value)
    assert "https://birds.example/birds-1k.zip" in str(raised.value)
    assert list(tmp_path.iterdir()) == [archive]


def test_a_zip_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """For a valid zip file without the data set, the message has the expected files."""
    archive = tmp_path / "birds-1k.zip"
    zipped(archive, "", {"fish.dat": b"1\ttench\n"})
    with pytest.raises(
        ShortlistError, match=r"expected Birds of Nowhere in .*birds-1k\.zip \(birds\.dat"
    ):
        in_archive(BIRDS, archive)
