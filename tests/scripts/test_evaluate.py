"""The command ``shortlist evaluate``."""

from pathlib import Path

import pytest

from scripts import cli
from scripts.pipeline import evaluate
from shortlist import Recipe
from tests.models import shop


def test_the_baselines_wanted_are_measured_and_the_verdict_comes_last(
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--baselines none` measures popularity alone; the sentence is printed under the tables."""
    settings, artifacts = shop.trained(tmp_path_factory)
    recipe = Recipe(settings, shop.copied(artifacts, tmp_path / "copy").root)
    recipe.artifacts.prepared.facts.unlink()  # these models were trained before any rule
    monkeypatch.setattr(evaluate, "opened", lambda arguments: recipe)
    assert cli.main(["evaluate", "two-tastes", "--baselines", "none"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "ItemKNN" not in printed
    report = recipe.evaluate(baselines="none")
    assert report["baselines"]["level"] == "none"
    assert printed.endswith(report["verdict"])
    assert "the only method measured, popularity" in report["verdict"]


def test_other_baselines_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Before any work."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["evaluate", "two-tastes", "--baselines", "some"])
    assert ended.value.code == 2
    assert "invalid choice: 'some'" in capsys.readouterr().err
