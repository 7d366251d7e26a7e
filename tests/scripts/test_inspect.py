"""The command `shortlist inspect`."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scripts.cli import main
from tests.readme_shop import write_shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The README's shop, with its artifacts next to it."""
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path / "artifacts"))
    return write_shop(tmp_path)


def test_good_data_are_shown_and_drawn(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The README's shop: exit code 0, tables in the terminal, the page at the printed path."""
    assert main(["inspect", str(shop)]) == 0
    shown = capsys.readouterr()
    assert "interactions that count" in shown.out
    page = shop.parent / "artifacts" / "shop" / "inspection.html"
    assert f"the same with charts: {page}" in shown.out
    assert page.exists()
    assert "192 interactions, 40 users, 12 items" in shown.err
    assert "useful model" not in shown.err


def test_nonsense_is_shown_and_then_refused(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 with one line per reason, after the tables that show why."""
    orders = pq.read_table(shop.parent / "orders.parquet")
    orders = orders.set_column(0, "customer", pa.array(range(len(orders))))
    orders = orders.append_column("bought", pa.array([1] * len(orders)))
    pq.write_table(orders, shop.parent / "orders.parquet")
    text = shop.read_text().replace("[columns]", '[columns]\nlabel = "bought"')
    shop.write_text(text)
    assert main(["inspect", str(shop)]) == 1
    shown = capsys.readouterr()
    assert "interactions that count" in shown.out
    lines = shown.err.splitlines()
    first, *reasons = lines[-4:]
    assert first == "shortlist: expected data that can train a useful model, got these problems:"
    assert [reason.split(", got ")[0] for reason in reasons] == [
        "  - expected rows in the valid part of the split",
        "  - expected users with several interactions in column 'customer' (columns.user)",
        "  - expected at least two labels in column 'bought' (columns.label)",
    ]
    assert (shop.parent / "artifacts" / "shop" / "inspection.html").exists()
