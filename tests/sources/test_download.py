"""Downloads resume where they broke, are verified, and never leave a partial file."""

from pathlib import Path

import pytest

from sources.download import UnreachableError, answer, download
from stages.errors import ShortlistError
from tests.sources.serving import Site, serving

BODY = bytes(range(256)) * 1000


def _is_body(path: Path) -> None:
    if path.read_bytes() != BODY:
        raise ShortlistError("not the body")


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path, said: list[str]) -> None:
    """After a break only the rest is requested."""
    target = tmp_path / "file"
    said.clear()
    with serving(Site({"/file": BODY}, breaks=[100_000])) as site:
        download(f"{site.url}/file", target, _is_body)
    assert target.read_bytes() == BODY
    assert site.asked == [("/file", None), ("/file", "bytes=100000-")]
    assert any("broke at byte 100,000" in line for line in said)
    assert list(tmp_path.iterdir()) == [target]


def test_a_later_run_goes_on_with_what_an_earlier_one_left(tmp_path: Path) -> None:
    """A run that gives up keeps the bytes so far, and the next one requests the rest."""
    target = tmp_path / "file"
    with serving(Site({"/file": BODY}, breaks=[1000, 1000, 1000])) as site:
        with pytest.raises(UnreachableError, match="resumes at byte 3,000"):
            download(f"{site.url}/file", target, _is_body)
        assert not target.exists()
        download(f"{site.url}/file", target, _is_body)
    assert site.asked[-1] == ("/file", "bytes=3000-")
    assert target.read_bytes() == BODY


def test_a_server_without_ranges_sends_it_all_again(tmp_path: Path) -> None:
    """A response that ignores the range replaces the earlier bytes and is not appended."""
    target = tmp_path / "file"
    with serving(Site({"/file": BODY}, breaks=[1000], ranges=False)) as site:
        download(f"{site.url}/file", target, _is_body)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("left", [b"another file's beginning", BODY + b"and more"])
def test_leftovers_of_another_file_are_thrown_away(tmp_path: Path, left: bytes) -> None:
    """If the resumed file fails its check, it is downloaded once more from the beginning."""
    target = tmp_path / "file"
    (tmp_path / "file.part").write_bytes(left)
    with serving(Site({"/file": BODY})) as site:
        download(f"{site.url}/file", target, _is_body)
    assert target.read_bytes() == BODY


def test_a_complete_part_is_not_fetched_again(tmp_path: Path) -> None:
    """After a kill just before the rename, the next run makes one small request."""
    target = tmp_path / "file"
    (tmp_path / "file.part").write_bytes(BODY)
    with serving(Site({"/file": BODY})) as site:
        download(f"{site.url}/file", target, _is_body)
    assert target.read_bytes() == BODY
    assert site.asked == [("/file", f"bytes={len(BODY)}-")]


def test_a_wrong_file_never_appears(tmp_path: Path) -> None:
    """A file that fails its checksum is deleted, and the next run starts over."""
    with (
        serving(Site({"/file": b"something else"})) as site,
        pytest.raises(ShortlistError, match="not the body"),
    ):
        download(f"{site.url}/file", tmp_path / "file", _is_body)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    """If a host accepts the connection and stays silent, the request ends at the deadline."""
    with (
        serving(Site({}, hangs=True)) as site,
        pytest.raises(UnreachableError, match=r"no answer within 0\.3 s"),
    ):
        answer(site.url, {}, within=0.3)


def test_an_answer_that_is_an_error_is_named() -> None:
    """The message has the status, because 403 and 404 need different fixes."""
    with (
        serving(Site({})) as site,
        pytest.raises(UnreachableError, match="status 404 Not Found"),
    ):
        answer(f"{site.url}/file", {})
