"""The figures that pages quote, and the benchmark that measures them again."""

import json
from pathlib import Path

import pytest

from benchmarks.recipes import __main__ as bench
from benchmarks.recipes.documented import Documented, documented
from evaluation.uncertainty import Spread
from recipes.load import known_recipes, load, with_settings

ROOT = Path(__file__).parents[2]


def figure(mean: float = 0.5, deviation: float = 0.01) -> Documented:
    return Documented("songs", "recall", ("systems", 1, "recall"), mean, deviation, ("page.md",))


def test_every_recipe_has_figures_and_its_settings_are_valid() -> None:
    """A new recipe cannot be left out, and each figure has a name of its own."""
    found = documented()
    assert sorted(found) == known_recipes()
    for name, of_recipe in found.items():
        names = [each.name for each in of_recipe.figures]
        assert names
        assert len(set(names)) == len(names)
        with_settings(load(name), of_recipe.settings)


def test_pages_quote_the_figures_as_they_are_documented() -> None:
    """A recipe's own page has mean and, over several seeds, deviation; further pages have the mean."""
    for name, of_recipe in documented().items():
        for each in of_recipe.figures:
            own, *further = each.pages
            assert own == f"docs/recipes/{name}.md"
            assert each.quoted in text(own), f"{own} lacks {each.name} {each.quoted}"
            for page in further:
                assert f"{each.mean:.4f}" in text(page), f"{page} lacks {each.name} of {name}"


def text(page: str) -> str:
    """A page without the asterisks that make figures bold."""
    return (ROOT / page).read_text(encoding="utf-8").replace("*", "")


def test_a_figure_is_found_in_a_report() -> None:
    """Keys and places in lists lead to it; mean and deviation are over the seeds' reports."""
    reports = [{"systems": [{}, {"recall": value}]} for value in (0.4, 0.6)]
    spread = figure().over_seeds(reports)
    assert (spread.mean, spread.seeds) == (0.5, 2)
    assert spread.deviation == pytest.approx(0.1414, abs=1e-4)


@pytest.mark.parametrize(
    ("measured", "deviation", "holds"),
    [
        (0.529, 0.01, True),  # within three deviations
        (0.471, 0.01, True),
        (0.531, 0.01, False),  # better than documented is not as documented either
        (0.469, 0.01, False),
        (0.5049, 0.0, True),  # within a hundredth of the figure, whatever the deviation
        (0.5051, 0.0, False),
    ],
)
def test_a_figure_holds_within_its_spread(measured: float, deviation: float, holds: bool) -> None:
    """Three documented standard deviations are allowed, or a hundredth of the figure."""
    assert figure(deviation=deviation).holds(Spread(measured, 0.0, 3)) == holds


def test_the_summary_names_what_differs_and_what_was_skipped() -> None:
    """The last line has every mean and deviation."""
    other = Documented("songs", "NDCG", ("ndcg",), 0.2, 0.0, ("page.md",))
    measured = {figure(): Spread(0.51, 0.02, 3), other: Spread(0.1, 0.0, 3)}
    found = bench.summary(measured, {"anime": "no files"})
    assert found["recipes"] == {"songs": {"recall": [0.51, 0.02], "NDCG": [0.1, 0.0]}}
    assert (found["skipped"], found["differ"]) == ({"anime": "no files"}, ["songs: NDCG"])


def test_absent_data_are_skipped_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gowalla is never downloaded; without its files nothing fails and the last line says why."""
    monkeypatch.setenv("SHORTLIST_DATA", str(tmp_path))
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path / "artifacts"))
    assert bench.main(["--recipes", "gowalla"]) == 0
    printed = capsys.readouterr().out.splitlines()
    last = json.loads(printed[-1])
    assert last["benchmark"] == "recipes"
    assert "expected" in last["skipped"]["gowalla"]


def test_an_unknown_recipe_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The error lists the recipes."""
    with pytest.raises(SystemExit):
        bench.main(["--recipes", "sogns"])
    assert "songs" in capsys.readouterr().err
