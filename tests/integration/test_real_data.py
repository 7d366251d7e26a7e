"""Recipes on their real data, if it is reachable: each beats what it is compared with."""

from typing import Any

import pytest

from ensemble.in_process import served_in_process
from evaluation.evaluate import evaluate
from evaluation.protocols.top_k_accuracy import COLUMNS, PUBLISHED
from evaluation.report import read_report
from models.train import train
from recipes.load import load
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from workflows.prepare import prepare

pytestmark = [pytest.mark.data, pytest.mark.slow]


def report_of(name: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report after training with the recipe's own settings."""
    recipe = load(name)
    artifacts = Artifacts(tmp_path_factory.mktemp(name) / name)
    try:
        ingest(recipe, artifacts, None)
    except ShortlistError as error:
        pytest.skip(f"the data of {name} cannot be reached from here: {error}")
    prepare(recipe, artifacts, force=False)
    train(recipe, artifacts, force=False)
    evaluate(recipe, artifacts, served_in_process, force=False)
    return read_report(artifacts.report)


def test_movielens_retrieval_beats_the_tutorial_at_every_k(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """With nothing removed, as in the tutorial; with training items removed, it beats popularity, too."""
    everything, removed = report_of("movielens-retrieval", tmp_path_factory)["protocols"]
    for column in COLUMNS:
        assert everything["rows"]["retrieval, exact search"][column] > PUBLISHED[column]
        served = removed["rows"]["funnel, as served"][column]
        assert served > 1.5 * removed["rows"]["popularity"][column]


def test_ratings_beat_the_notebook(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The notebook publishes RMSE 0.9526, MAE 0.7577, NDCG@10 0.0859 and precision@10 0.0856."""
    report = report_of("ratings", tmp_path_factory)
    errors = report["protocols"][0]["rows"]["funnel, as served"]
    assert errors["rmse"] < 0.92
    assert errors["mae"] < 0.73
    assert report["systems"]["funnel"]["ndcg@10"] > 0.0859
    assert report["systems"]["funnel"]["precision@10"] > 0.0856


def test_songs_beat_popularity(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Over the whole catalogue, and against 1,000 random artists."""
    report = report_of("songs", tmp_path_factory)
    systems, sampled = report["systems"], report["protocols"][0]["rows"]
    assert systems["funnel"]["ndcg@10"] > 1.9 * systems["popularity"]["ndcg@10"]
    for column, popular in sampled["popularity"].items():
        assert sampled["funnel"][column] > 1.5 * popular


def test_anime_rates_and_retrieves(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One model beats the offsets of users and items, and popularity."""
    report = report_of("anime", tmp_path_factory)
    errors = report["protocols"][0]["rows"]
    assert (
        errors["funnel, as served"]["rmse"] < errors["mean, user and item offsets"]["rmse"] - 0.03
    )
    systems = report["systems"]
    assert systems["retrieval"]["ndcg@10"] > 1.4 * systems["popularity"]["ndcg@10"]
