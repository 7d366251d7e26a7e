"""The evaluation of the whole funnel, end to end on the made-up shop."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib.image import imread
from rich.console import Console

from ensemble.in_process import served_in_process
from evaluation.baselines.popularity import most_popular
from evaluation.beyond_accuracy import Catalogue
from evaluation.evaluate import evaluate
from evaluation.report import read_report, tables
from metrics import ranking
from models.prepared import PreparedData
from recipes.load import with_settings
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.models import shop

Trained = tuple[Recipe, Artifacts]


@pytest.fixture(scope="module")
def evaluated(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A copy of the shop, with its report."""
    recipe, artifacts = trained
    copied = shop.copied(artifacts, tmp_path_factory.mktemp("evaluated") / "copy")
    evaluate(recipe, copied, served_in_process, force=False)
    return recipe, copied


@pytest.fixture(scope="module")
def report(evaluated: Trained) -> dict[str, Any]:
    return read_report(evaluated[1].report)


@pytest.fixture(scope="module")
def lists(evaluated: Trained) -> dict[str, np.ndarray]:
    """Item rows of every user by system, directly from the plan and the baseline."""
    recipe, artifacts = evaluated
    data = PreparedData(artifacts.prepared)
    visible = data.interactions("train") + data.interactions("valid")
    with served_in_process(recipe, artifacts) as plan:
        trace = plan.trace(data.raw_user_ids, top_k=10)
    seen = visible.by_user(data.user_count)
    return {
        "popularity": most_popular(visible, data.item_count, seen, 10),
        "retrieval": trace.candidate_rows,
        "funnel": trace.item_rows,
    }


def test_the_report_holds_systems_stages_and_ranker(report: dict[str, Any]) -> None:
    """Every metric at every k for every system; shares and probabilities within their bounds."""
    assert list(report) == [
        "recipe",
        "fingerprint",
        "systems",
        "stages",
        "ranker",
        "users",
        "protocols",
        "seeds",
        "beyond_accuracy",
        "groups",
        "passage",
        "baselines",
        "verdict",
    ]
    assert report["seeds"] == {"split": 42, "retriever": 42, "ranker": 42}
    assert (report["recipe"], report["users"]) == ("two-tastes", 60)
    names = [f"{metric}@{k}" for k in (5, 10) for metric in ("ndcg", "map", "precision", "recall")]
    simple = ["popularity", "ItemKNN", "recency-weighted ItemKNN", "EASE", "EDLAE", "iALS"]
    assert list(report["systems"]) == [*simple, "retrieval", "funnel"]
    for figures in report["systems"].values():
        assert list(figures) == names
        assert all(0 <= value <= 1 for value in figures.values())
    assert list(report["stages"]) == ["retrieved", "filtered", "ordered@10"]
    assert 0 < report["ranker"]["auc"] < 1
    assert 0 < report["ranker"]["log_loss"] < 2


def test_no_stage_adds_relevant_items(report: dict[str, Any]) -> None:
    """Each stage keeps a part of what the previous one kept; the last share is the funnel's recall."""
    stages = list(report["stages"].values())
    assert 1 >= stages[0] >= stages[1] >= stages[2] > 0
    assert stages[2] == pytest.approx(report["systems"]["funnel"]["recall@10"])


def test_every_system_has_its_figures_beyond_accuracy(
    evaluated: Trained, report: dict[str, Any], lists: dict[str, np.ndarray]
) -> None:
    """The figures are those of the test users' lists; popularity covers less than the funnel."""
    data = PreparedData(evaluated[1].prepared)
    visible = data.interactions("train", "valid")
    catalogue = Catalogue.of(visible, data.user_count, data.item_count)
    users = np.arange(data.user_count)
    for system, ranked in lists.items():
        for k in (5, 10):
            for name, value in catalogue.figures(ranked, users, k).items():
                assert report["beyond_accuracy"][system][name] == pytest.approx(value)
    coverage = {
        system: figures["coverage@10"] for system, figures in report["beyond_accuracy"].items()
    }
    assert coverage["popularity"] < coverage["funnel"]


def test_the_groups_of_users_have_the_figures_of_their_users(report: dict[str, Any]) -> None:
    """Weighted by their size, the groups give the figures of all users."""
    assert sum(group["users"] for group in report["groups"]) == report["users"]
    for system, figures in report["systems"].items():
        for name, value in figures.items():
            total = sum(
                group["users"] * group["systems"][system][name] for group in report["groups"]
            )
            assert total / report["users"] == pytest.approx(value)


def test_the_passage_agrees_with_the_systems(report: dict[str, Any]) -> None:
    """The ranker's lift is the funnel minus retrieval; the share after filtering is retrieval's recall."""
    lift, systems = report["passage"]["lift"], report["systems"]
    assert (lift["k"], report["passage"]["retrieval_depth"]) == (10, 20)
    assert lift["as_retrieved"] == pytest.approx(systems["retrieval"]["ndcg@10"])
    assert lift["as_ranked"] == pytest.approx(systems["funnel"]["ndcg@10"])
    assert lift["difference"] == pytest.approx(lift["as_ranked"] - lift["as_retrieved"])
    assert lift["in_best_order"] >= max(lift["as_ranked"], lift["as_retrieved"])
    assert report["passage"]["retrieval_recall"] == pytest.approx(report["stages"]["filtered"])


def test_the_picture_lies_beside_the_report(evaluated: Trained) -> None:
    """A readable PNG."""
    assert imread(evaluated[1].funnel_picture).shape[1] > 400


def test_no_seen_item_is_in_any_list(evaluated: Trained, lists: dict[str, np.ndarray]) -> None:
    """No system shows users their items of train or valid, or an item twice."""
    data = PreparedData(evaluated[1].prepared)
    visible = data.interactions("train") + data.interactions("valid")
    for ranked in lists.values():
        for row, taken in zip(ranked, visible.by_user(data.user_count), strict=True):
            real = row[row >= 0]
            assert len(real)
            assert not np.isin(real, taken).any()
            assert len(set(real)) == len(real)


def test_the_figures_are_the_metrics_of_those_lists(
    evaluated: Trained, report: dict[str, Any], lists: dict[str, np.ndarray]
) -> None:
    """Over users with a test item, each test item once, and the whole catalogue."""
    data = PreparedData(evaluated[1].prepared)
    wanted = data.interactions("test").by_user(data.user_count)
    asked = [row for row, items in enumerate(wanted) if len(items)]
    relevant = [np.unique(wanted[row]) for row in asked]
    for system, ranked in lists.items():
        for k in (5, 10):
            for metric, value in ranking.means(ranked[asked], relevant, k).items():
                assert report["systems"][system][f"{metric}@{k}"] == pytest.approx(value)


def test_training_learnt_the_two_tastes(
    report: dict[str, Any], lists: dict[str, np.ndarray]
) -> None:
    """The funnel beats popularity, which cannot tell one taste from the other."""
    systems = report["systems"]
    assert systems["retrieval"]["ndcg@10"] > 1.2 * systems["popularity"]["ndcg@10"]
    assert systems["funnel"]["ndcg@10"] > 1.2 * systems["popularity"]["ndcg@10"]


def test_a_report_that_is_up_to_date_is_kept(evaluated: Trained, said: list[str]) -> None:
    """A second `evaluate` logs this and leaves the file; `force` writes an equal one."""
    recipe, artifacts = evaluated
    before, content = artifacts.report.stat().st_ino, artifacts.report.read_text()
    said.clear()
    evaluate(recipe, artifacts, served_in_process, force=False)
    assert said == [f"{artifacts.report} is up to date"]
    assert artifacts.report.stat().st_ino == before
    evaluate(recipe, artifacts, served_in_process, force=True)
    assert artifacts.report.stat().st_ino != before
    assert artifacts.report.read_text() == content


def test_more_baselines_than_the_report_has_are_evaluated(
    evaluated: Trained, report: dict[str, Any], tmp_path: Path, said: list[str]
) -> None:
    """Fewer are there already; with `force` the report has exactly what was wanted."""
    recipe, artifacts = evaluated
    copied = shop.copied(artifacts, tmp_path / "copy")
    up_to_date = f"{copied.report} is up to date"
    evaluate(recipe, copied, served_in_process, baselines="none")
    assert said == [up_to_date]
    evaluate(recipe, copied, served_in_process, baselines="all")
    assert up_to_date not in said[1:]
    found = read_report(copied.report)
    assert found["baselines"]["level"] == "all"
    assert set(found["systems"]) == {*report["systems"], "BPR"}
    assert found["systems"]["funnel"] == report["systems"]["funnel"]
    said.clear()
    evaluate(recipe, copied, served_in_process, baselines="fast")
    assert said == [up_to_date]
    evaluate(recipe, copied, served_in_process, baselines="none", force=True)
    assert list(read_report(copied.report)["systems"]) == ["popularity", "retrieval", "funnel"]


def test_an_unknown_level_of_baselines_is_refused(evaluated: Trained) -> None:
    """Before any work; the error lists the known ones."""
    with pytest.raises(ShortlistError, match=r"among 'none', 'fast', 'all', got 'some'"):
        evaluate(*evaluated, served_in_process, baselines="some")  # type: ignore[arg-type]


def test_the_leads_are_differences_of_the_systems(report: dict[str, Any]) -> None:
    """At the first k; the verdict is on the best method."""
    systems, baselines = report["systems"], report["baselines"]
    assert (baselines["level"], baselines["metric"]) == ("fast", "ndcg@5")
    simple = ["popularity", "ItemKNN", "recency-weighted ItemKNN", "EASE", "EDLAE", "iALS"]
    assert list(baselines["leads"]) == simple
    for name, lead in baselines["leads"].items():
        difference = systems["funnel"]["ndcg@5"] - systems[name]["ndcg@5"]
        assert lead["difference"] == pytest.approx(difference)
        assert lead["standard_error"] > 0
    best = max(simple, key=lambda name: systems[name]["ndcg@5"])
    assert f"the best simple method, {best}" in report["verdict"]


def test_rules_of_the_recipe_are_measured(
    evaluated: Trained, report: dict[str, Any], tmp_path: Path
) -> None:
    """The report has the funnel with and without them; stages and ranker are those without."""
    recipe, artifacts = evaluated
    pinned = {"pin": [{"item": "40", "place": 1}, {"item": "3", "place": 2}]}
    ruled = with_settings(recipe, {"serving.rules": pinned})
    copied = shop.copied(artifacts, tmp_path / "copy")
    evaluate(ruled, copied, served_in_process, force=False)
    found = read_report(copied.report)
    served = ["retrieval", "funnel without rules", "funnel"]
    assert list(found["systems"]) == [*report["baselines"]["leads"], *served]
    assert found["systems"]["funnel without rules"] == report["systems"]["funnel"]
    assert found["systems"]["retrieval"] == report["systems"]["retrieval"]
    assert found["systems"]["funnel"]["ndcg@5"] < report["systems"]["funnel"]["ndcg@5"]
    for same in ("stages", "passage", "ranker"):
        assert found[same] == report[same]


def test_the_tables_show_every_figure(report: dict[str, Any]) -> None:
    """The terminal shows systems, stages and the ranker's figures."""
    console = Console(width=400, record=True)
    with console.capture() as captured:
        console.print(tables(report))
    shown = captured.get()
    for figures in report["systems"].values():
        assert all(f"{value:.4f}" in shown for value in figures.values())
    assert all(f"{share:.1%}" in shown for share in report["stages"].values())
    for system in report["beyond_accuracy"].values():
        assert all(f"{value:.4f}" in shown for value in system.values())
    for group in report["groups"]:
        assert f"{group['users']} users with {group['fewest']} to {group['most']}" in shown
    passage = report["passage"]
    assert f"recall@20 {passage['retrieval_recall']:.4f}" in shown
    assert f"{passage['filtering']['cut_off']:.1%} cut off" in shown
    assert f"by {passage['lift']['difference']:+.4f}" in shown
    assert f"AUC {report['ranker']['auc']:.4f}" in shown
    for lead in report["baselines"]["leads"].values():
        assert f"{lead['difference']:+.4f}" in shown
    assert shown.rstrip().endswith(report["verdict"])


def test_a_report_of_an_earlier_version_is_shown(report: dict[str, Any]) -> None:
    """Without baselines and verdict; and a skipped method is shown with its reason."""
    earlier = {
        name: value for name, value in report.items() if name not in ("baselines", "verdict")
    }
    skipping = {**report, "baselines": {**report["baselines"], "skipped": {"EASE": "too large"}}}
    console = Console(width=300, record=True)
    with console.capture() as captured:
        console.print(tables(earlier))
        console.print(tables(skipping))
    shown = captured.get()
    assert shown.count("Lead of the funnel") == 1
    assert "EASE is not measured: too large" in shown


@pytest.mark.parametrize(("missing", "command"), [("prepared", "prepare"), ("models", "train")])
def test_a_missing_input_names_its_command(
    trained: Trained, tmp_path: Path, missing: str, command: str
) -> None:
    """Without prepared data or models the error says what to run first."""
    recipe, artifacts = trained
    there = Artifacts(tmp_path)
    for name in {"prepared", "models"} - {missing}:
        (tmp_path / name).symlink_to(getattr(artifacts, name).root)
    with pytest.raises(ShortlistError, match=f"shortlist {command} two-tastes"):
        evaluate(recipe, there, served_in_process, force=False)
    assert not there.report.exists()


def test_without_a_test_part_there_is_nothing_to_evaluate(trained: Trained, tmp_path: Path) -> None:
    """No user has a relevant item: the error says what to change, and no report of zeros is written."""
    recipe, artifacts = trained
    copied = shop.copied(artifacts, tmp_path / "copy")
    path = copied.prepared.raw_interactions("test") / "part_00000.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    with pytest.raises(ShortlistError, match=r"split\.test"):
        evaluate(recipe, copied, served_in_process, force=False)
    assert not copied.report.exists()


def test_the_report_is_json(evaluated: Trained) -> None:
    """A strict parser, which refuses NaN, reads it."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(evaluated[1].report.read_text(), parse_constant=refuse)
