"""A shop whose interactions are views, carts and purchases, from its data to a served answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.feature_store.events import Recorder
from ensemble.releases.repository import latest_release
from evaluation.report import read_report
from runtime.candidates.catalogue import Catalogue
from scripts import cli
from shortlist import Recipe
from stages.errors import ShortlistError
from tests.working_directory import working_in

TOML = """
name = "events"
source = { kind = "parquet", interactions = "events.parquet" }
columns = { user = "user", item = "item", timestamp = "time" }
split = { kind = "stratified" }
retriever = { max_epochs = 1, embedding_dim = 8 }
ranker = { max_epochs = 1, top_layers = [8] }
serving = { candidates = 40, generators = ["two-tower", "linear"] }
"""
OF_KINDS = """
[events]
column = "event"
weights = { view = 1, cart = 3, purchase = 10 }
positives = ["cart", "purchase"]
seen = ["purchase"]
"""
OF_A_CONDITION = """
[interactions]
positive = "event == 'purchase'"
"""
USERS, ITEMS = 40, 30

pytestmark = pytest.mark.slow


def write_shop(folder: Path) -> None:
    """Each user views, puts into the cart and buys items, and always views what was bought once more."""
    random = np.random.default_rng(3)
    rows: list[tuple[int, int, int, str]] = []
    for user in range(USERS):
        for place, item in enumerate(random.permutation(ITEMS)[:9].tolist()):
            kind = ("view", "cart", "purchase")[place % 3]
            rows.append((user, item, 100 * place + user, kind))
            if kind == "purchase":
                rows.append((user, item, 100 * place + user + 50, "view"))
    columns = zip(
        ("user", "item", "time", "event"), map(list, zip(*rows, strict=True)), strict=True
    )
    pq.write_table(pa.table(dict(columns)), folder / "events.parquet")
    (folder / "kinds.toml").write_text(TOML.replace("events", "kinds", 1) + OF_KINDS)
    (folder / "condition.toml").write_text(TOML.replace("events", "condition", 1) + OF_A_CONDITION)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working directory."""
    folder = tmp_path_factory.mktemp("events")
    write_shop(folder)
    with working_in(folder):
        yield folder


@pytest.fixture(scope="module")
def of_kinds(folder: Path) -> Recipe:
    """The shop with a table of events, evaluated and exported."""
    recipe = Recipe("./kinds.toml").prepare().train()
    recipe.evaluate()
    recipe.export()
    return recipe


@pytest.fixture(scope="module")
def of_a_condition(folder: Path) -> Recipe:
    """The shop with a condition on the column of kinds, exported."""
    recipe = Recipe("./condition.toml").prepare().train()
    recipe.export()
    return recipe


def loaded(recipe: Recipe, user: str) -> dict[str, set[str]]:
    """The items of a user's training interactions by the kind that counts."""
    names = ["user", "item", "event"]
    rows = pq.read_table("events.parquet", columns=names).to_pylist()
    rank = {"view": 0, "cart": 1, "purchase": 2}
    best: dict[str, str] = {}
    for row in rows:
        if str(row["user"]) == user:
            item = str(row["item"])
            best[item] = max(best.get(item, "view"), row["event"], key=rank.__getitem__)
    trained = {
        str(row["item"])
        for part in ("train", "valid")
        for row in pq.read_table(recipe.artifacts.prepared.raw_interactions(part)).to_pylist()
        if str(row["user"]) == user
    }
    return {kind: {item for item in trained if best[item] == kind} for kind in rank}


def column(recipe: Recipe, user: str, name: str) -> Any:
    """A column of the served graph for a user."""
    plan, _ = recipe._plan()
    return plan.run(plan.columns(plan.request([user])))[name][0]


def items_of(recipe: Recipe, user: str, name: str) -> set[str]:
    """The ``interactions`` of a user, or the items that the user ``had``."""
    if name == "interactions":
        return set(column(recipe, user, name))
    release = latest_release(recipe.artifacts)
    assert release is not None
    catalogue = Catalogue.load(release)
    return set(catalogue.raw_ids(column(recipe, user, "had_rows")).tolist())


def answer(recipe: Recipe, user: str) -> set[str]:
    return set(recipe.recommend([user], top_k=30).item_ids[0].tolist()) - {""}


def test_what_is_loaded_counts_by_its_kind(of_kinds: Recipe) -> None:
    """Carts and purchases are the history; only purchases are hidden, although they were viewed again."""
    for user in ("0", "7"):
        has = loaded(of_kinds, user)
        assert items_of(of_kinds, user, "interactions") == has["cart"] | has["purchase"]
        assert items_of(of_kinds, user, "had") == has["purchase"] != set()
        assert answer(of_kinds, user) == {str(item) for item in range(ITEMS)} - has["purchase"]
    assert read_report(of_kinds.artifacts.report)["systems"]["funnel"]["ndcg@10"] > 0


@pytest.mark.parametrize(
    ("kind", "in_history", "hidden"),
    [("view", False, False), ("cart", True, False), ("purchase", True, True)],
)
def test_what_is_recorded_counts_by_its_kind(
    of_kinds: Recipe, kind: str, in_history: bool, hidden: bool
) -> None:
    """As in training: the recipe's [events] say what is part of the history and what is seen."""
    user = {"view": "1", "cart": "2", "purchase": "3"}[kind]
    item = min(answer(of_kinds, user) - items_of(of_kinds, user, "interactions"))
    query = column(of_kinds, user, "query")
    assert (
        cli.main(
            ["record", "./kinds.toml", *f"--user {user} --item {item}".split(), "--event", kind]
        )
        == 0
    )
    assert (item in items_of(of_kinds, user, "interactions")) == in_history
    assert (column(of_kinds, user, "query") != query).any() == in_history
    assert (item not in answer(of_kinds, user)) == hidden
    told = of_kinds.recommend([user], top_k=1, explain_item_ids=[[item]]).explanations
    assert told[0] is not None
    assert (told[0]["named"][0].get("reason") == "seen") == hidden


def test_a_condition_on_the_kind_judges_events(of_a_condition: Recipe) -> None:
    """A recorded view neither hides the item nor enters the history; a purchase does both."""
    has = loaded(of_a_condition, "5")
    assert items_of(of_a_condition, "5", "had") == has["purchase"]
    item = min(answer(of_a_condition, "5"))
    with Recorder("./condition.toml") as recorder:
        assert recorder.record("5", item, event="view")
        assert item in answer(of_a_condition, "5")
        assert items_of(of_a_condition, "5", "interactions") == has["purchase"]
        assert recorder.record("5", item, event="purchase")
    assert item not in answer(of_a_condition, "5")
    assert items_of(of_a_condition, "5", "interactions") == has["purchase"] | {item}


def test_a_changed_recipe_changes_nothing_that_is_served(of_a_condition: Recipe) -> None:
    """The release carries the rules: those of the recipe count from the next release on."""
    item = min(answer(of_a_condition, "6"))
    with Recorder("./condition.toml") as recorder:
        recorder.record("6", item, event="cart")
    assert item in answer(of_a_condition, "6")
    changed = of_a_condition.with_settings({"interactions.positive": "event != 'view'"})
    assert item in answer(changed, "6")


def test_unknown_items_and_kinds_are_refused(
    of_kinds: Recipe, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name, on the command line, in Python and in files; new items may be allowed."""
    typed = ["record", "./kinds.toml", "--user", "9"]
    assert cli.main([*typed, "--item", "1", "--event", "veiw"]) == 1
    error = " ".join(capsys.readouterr().err.split())
    assert "expected 'cart', 'purchase' or 'view' as the event" in error
    assert "got 'veiw' (did you mean 'view'?)" in error
    assert cli.main([*typed, "--item", "1"]) == 1
    assert "got 'interaction'" in " ".join(capsys.readouterr().err.split())
    assert cli.main([*typed, "--item", "none", "--event", "view"]) == 1
    assert "expected an item of release 1, got 'none'" in " ".join(capsys.readouterr().err.split())
    with Recorder("./kinds.toml") as recorder:
        with pytest.raises(ShortlistError, match="expected an item of release 1, got '77'"):
            recorder.record("9", "77", "view")
        with pytest.raises(ShortlistError, match=r"as the event, .* got 'interaction'"):
            recorder.record("9", "1")
        assert recorder.record("9", "77", "view", allow_new_items=True)
    lines = [
        {"user_id": "9", "item_id": item, "event": "cart", "time": 1}
        for item in ("1", "2", "z", "3")
    ]
    (folder / "lines.jsonl").write_text("\n".join(map(json.dumps, lines)))
    from_file = ["record", "./kinds.toml", "--file", "lines.jsonl"]
    assert cli.main(from_file) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("2 events, 2 of them new")
    assert "line 3: expected an item of release 1, got 'z'" in " ".join(printed.err.split())
    assert cli.main([*from_file, "--allow-new-items"]) == 0
    assert capsys.readouterr().out.startswith("4 events, 2 of them new")


def test_before_a_release_the_prepared_data_are_known(folder: Path) -> None:
    """Without them too, any event may be recorded."""
    toml = (folder / "kinds.toml").read_text().replace('name = "kinds"', 'name = "early"')
    (folder / "early.toml").write_text(toml)
    with Recorder("./early.toml") as recorder:
        assert recorder.record("1", "any item", "any kind")
    Recipe("./early.toml").prepare()
    with (
        Recorder("./early.toml") as recorder,
        pytest.raises(ShortlistError, match="expected an item of the prepared data, got 'none'"),
    ):
        recorder.record("1", "none", "view")
