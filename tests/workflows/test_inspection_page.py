"""How an inspection looks: the page and the terminal's tables."""

import html.parser
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from stages.errors import ShortlistError
from tests.workflows.ratings import ratings_recipe, write_raw
from workflows.inspection.inspect import inspect
from workflows.inspection.tables import tables


class _Tags(html.parser.HTMLParser):
    """The tags that are still open, and all that were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _page(folder: Path) -> tuple[str, _Tags]:
    page = (folder / "ratings" / "inspection.html").read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    return page, tags


def test_the_page_needs_nothing_beside_it_and_shows_everything(tmp_path: Path) -> None:
    """It has no script and no address; it has charts of outcomes, time, activity and each drift."""
    found = inspect(ratings_recipe(), write_raw(tmp_path))
    page, tags = _page(tmp_path)
    assert not re.search(r"https?:|src=|href=|url\(", page)
    assert {"script", "img", "link"}.isdisjoint(tags.seen)
    drifts = sum(column.drift is not None for column in found.columns)
    assert drifts == 6
    assert tags.seen.count("svg") == 1 + 1 + 2 + 1 + drifts
    for text in ("features.item.genre", "1970-01-01 00:00", "200 of 200 interactions"):
        assert text in tags.text


def test_values_are_text_whatever_is_in_them(tmp_path: Path) -> None:
    """A value with mark-up is shown as text, on the page and in the terminal."""
    genre = ["<script>alert(1)</script>" if number % 2 else "[red]&" for number in range(20)]
    found = inspect(ratings_recipe(), write_raw(tmp_path, items={"genre": genre}))
    _, tags = _page(tmp_path)
    assert "script" not in tags.seen
    assert "<script>alert(1)</scrip" in tags.text
    console = Console(file=io.StringIO(), width=200, markup=False)
    console.print(tables(found))
    assert "<script>alert(1)</scrip" in console.file.getvalue()  # type: ignore[attr-defined]


def test_the_terminal_shows_what_the_page_shows(tmp_path: Path) -> None:
    """Each column's row, each outcome, time and cold ids, within 80 columns."""
    found = inspect(ratings_recipe(), write_raw(tmp_path))
    console = Console(file=io.StringIO(), width=80)
    console.print(tables(found))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for text in (
        "interactions that count", "800", "in the test part", "200", "stars", "genre", "age",
        "160 (20.0%)", "40 to 40, median 40", "5 of 5, with 200 of 200 interactions",
    ):  # fmt: skip
        assert text in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_page_that_cannot_be_written_is_told_and_the_old_one_stays(tmp_path: Path) -> None:
    """There is a folder at the page's path."""
    artifacts = write_raw(tmp_path)
    artifacts.inspection.mkdir()
    with pytest.raises(ShortlistError, match=r"expected to write .*inspection\.html, got"):
        inspect(ratings_recipe(), artifacts)
    assert sorted(path.name for path in artifacts.root.iterdir()) == ["inspection.html", "raw"]
