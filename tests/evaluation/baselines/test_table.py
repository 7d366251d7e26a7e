"""The table of all baselines under each protocol, on the made-up shop."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.baselines.__main__ import main, on_another_split
from evaluation.baselines.table import BASELINES, baseline_lists, baseline_table, over_all_seeds
from metrics import ranking
from models.prepared import Interactions, PreparedData
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.models import shop

KINDS = ("random", "stratified", "temporal", "leave-last-out")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PreparedData]:
    """The shop prepared under each protocol."""
    folder = tmp_path_factory.mktemp("protocols")
    shop.write_files(folder)
    made = shop.recipe(folder)
    return {
        kind: PreparedData(shop.prepared(folder / kind, on_another_split(made, kind)).prepared)
        for kind in KINDS
    }


def test_baselines_count_every_interaction_once(prepared: dict[str, PreparedData]) -> None:
    """Whatever the recipe's weights: their figures are those of the methods."""
    data = prepared["random"]
    training = data.interactions("train")
    weights = np.linspace(0.1, 5, len(training), dtype=np.float32)
    users, names = np.arange(9), ("EDLAE", "iALS")
    past = training.by_user(data.user_count)[:9]
    plain, weighted = (
        baseline_lists(each, data.user_count, data.item_count, users, past, 5, names=names)
        for each in (training, Interactions(training.users, training.items, weights))
    )
    for name in names:
        np.testing.assert_array_equal(plain[name], weighted[name])


@pytest.mark.parametrize("kind", KINDS)
def test_every_baseline_beats_popularity_on_every_protocol(
    prepared: dict[str, PreparedData], kind: str
) -> None:
    """In a shop with two tastes; every system has every figure."""
    table = baseline_table(prepared[kind], k=5)
    assert list(table) == list(BASELINES)
    names = {frozenset(figures) for figures in table.values()}
    assert len(names) == 1
    assert {"ndcg@5", "map@5", "coverage@5", "gini@5"} <= next(iter(names))
    ndcg = {name: figures["ndcg@5"] for name, figures in table.items()}
    assert all(ndcg[name] > ndcg["popularity"] for name in ("ItemKNN", "EASE", "EDLAE", "iALS"))  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["temporal", "leave-last-out"])
def test_the_table_trains_on_what_came_before(prepared: dict[str, PreparedData], kind: str) -> None:
    """The lists are learnt from train and valid alone, and hold none of their items."""
    data = prepared[kind]
    training = data.interactions("train", "valid")
    wanted = data.interactions("test").by_user(data.user_count)
    asked = np.array([row for row, items in enumerate(wanted) if len(items)])
    past = training.by_user(data.user_count)
    hidden = [past[user] for user in asked]
    sizes = (data.user_count, data.item_count)
    lists = baseline_lists(training, *sizes, asked, hidden, 5, names=["EASE"])
    assert not any(
        np.isin(row, past[user]).any() for row, user in zip(lists["EASE"], asked, strict=True)
    )
    relevant = [np.unique(wanted[row]) for row in asked]
    expected = ranking.means(lists["EASE"], relevant, 5)["ndcg"]
    assert baseline_table(data, k=5, names=["EASE"])["EASE"]["ndcg@5"] == expected
    if kind == "leave-last-out":
        assert [len(items) for items in relevant] == [1] * len(asked)


def test_spreads_are_over_the_seeds_of_what_a_seed_changes(
    prepared: dict[str, PreparedData],
) -> None:
    """Popularity is the same for every seed; BPR's mean is that of the three tables."""
    data = prepared["stratified"]
    names = ["popularity", "BPR"]
    spreads = over_all_seeds(data, [1, 2, 3], k=5, names=names)
    assert all(spread.deviation == 0 for spread in spreads["popularity"].values())
    single = [baseline_table(data, k=5, seed=seed, names=["BPR"])["BPR"] for seed in (1, 2, 3)]
    values = np.array([figures["novelty@5"] for figures in single], np.float64)
    found = spreads["BPR"]["novelty@5"]
    assert (found.mean, found.seeds) == (pytest.approx(values.mean()), 3)
    assert found.deviation == pytest.approx(values.std(ddof=1))
    assert found.deviation > 0


def test_an_unknown_baseline_is_refused(prepared: dict[str, PreparedData]) -> None:
    """Before anything is fitted; the error names it and lists the known ones."""
    with pytest.raises(ShortlistError, match=r"popularity, ItemKNN.*got 'SLIM'"):
        baseline_table(prepared["random"], names=["SLIM"])


def test_without_a_test_part_there_is_no_table(tmp_path: Path) -> None:
    """No user has a relevant item; the error says what to change."""
    shop.write_files(tmp_path)
    artifacts = shop.prepared(tmp_path, shop.recipe(tmp_path))
    path = artifacts.prepared.raw_interactions("test") / "part_00000.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    with pytest.raises(ShortlistError, match=r"Change \[split\]"):
        baseline_table(PreparedData(artifacts.prepared), names=["popularity"])


def test_the_command_parts_the_data_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recipe file and another split: figures on stdout, and artifacts under a separate name."""
    orders = {
        "customer": [f"c{number % 8}" for number in range(80)],
        "product": [number % 8 + number // 8 for number in range(80)],
        "at": list(range(80)),
    }
    pq.write_table(pa.table(orders), tmp_path / "orders.parquet")
    (tmp_path / "tiny.toml").write_text(
        'name = "tiny"\nsource = { kind = "parquet", interactions = "orders.parquet" }\n'
        'columns = { user = "customer", item = "product", timestamp = "at" }\n'
        'split = { kind = "random" }\n'
    )
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path / "artifacts"))
    options = ["--split", "temporal", "--seeds", "1", "2", "--baselines", "popularity", "EASE"]
    monkeypatch.setattr("sys.argv", ["baselines", str(tmp_path / "tiny.toml"), *options])
    assert main() == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["split"]["kind"], printed["seeds"]) == ("temporal", [1, 2])
    assert list(printed["figures"]) == ["popularity", "EASE"]
    assert set(printed["figures"]["EASE"]["ndcg@10"]) == {"mean", "deviation", "seeds"}
    assert [path.name for path in (tmp_path / "artifacts").iterdir()] == ["tiny-temporal"]
    data = PreparedData(Artifacts(tmp_path / "artifacts" / "tiny-temporal").prepared)
    assert len(data.interactions("test")) == 20
