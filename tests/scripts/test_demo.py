"""``shortlist demo``: from raw tables to a server's answers, and fast the second time."""

from pathlib import Path

import pytest

from scripts import cli
from tests.readme_shop import shop_recipe, write_shop

#: Enough to run all of the training code.
SHORT = "[retriever]\nmax_epochs = 1\n[ranker]\nmax_epochs = 1\n"


def _servers_of(folder: Path) -> list[str]:
    """Command lines of the running Triton servers that name ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if "tritonserver" in words and str(folder) in words:
            found.append(words)
    return found


def test_from_nothing_to_answers_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first run does everything; the second reuses all of it; neither leaves a server behind."""
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path / "artifacts"))
    write_shop(tmp_path)
    recipe = tmp_path / "shop.toml"
    recipe.write_text(shop_recipe() + SHORT, encoding="utf-8")

    assert cli.main(["demo", str(recipe)]) == 0
    shown, logged = capsys.readouterr()
    first = shown + logged
    for step in ("prepare", "train", "evaluate", "export", "serve"):
        assert f"== {step}\n" in first
    assert "retriever epoch 1" in first
    assert "over gRPC and over HTTP: the answers are equal" in first
    assert first.count("who recently liked") == 3
    assert "Product " in first
    assert "popularity" in first
    assert "the server is stopped" in first
    assert "up to date" not in first
    assert _servers_of(tmp_path) == []

    assert cli.main(["demo", str(recipe)]) == 0
    shown_again, second = capsys.readouterr()
    made = ("raw", "prepared", "models", "report.json")
    for name in made:
        assert f"{tmp_path / 'artifacts' / 'shop' / name} is up to date" in second
    assert "feature store up to date" in second
    assert "release up to date" in second
    assert "epoch" not in second
    assert shown_again == shown
    assert _servers_of(tmp_path) == []
