"""Business rules on a loaded release: of a request, and of the recipe."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensemble.in_process import served_in_process
from ensemble.triton.client import Client
from ensemble.triton.server import Server
from recipes.load import load, with_settings
from runtime.candidates.seen import unpacked
from runtime.errors import RequestError
from runtime.operators.adjust_scores import AdjustScores
from runtime.operators.allow_items import AllowItems
from runtime.plan import Plan
from runtime.rules.declared import AtMost, Boost, Pin, Rules
from runtime.stores.sqlite_store import SqliteFeatureStore
from runtime.tensors import batch_of
from scripts.cli import main
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble import synthetic
from tests.ensemble.synthetic import ITEMS, RECIPE, USERS

SOME_USERS = [str(user) for user in range(1, 30)]
OWN_RULES = {
    "pin": [{"item": "300", "place": 2}],
    "at_most": [{"attribute": "genres", "count": 2, "among": 4}],
}


@pytest.fixture(scope="module")
def with_rules(artifacts: Artifacts) -> Iterator[Plan]:
    """The made-up recommender, whose recipe has rules."""
    recipe = with_settings(RECIPE, {"serving.rules": OWN_RULES})
    with served_in_process(recipe, artifacts) as plan:
        yield plan


def seen(store: SqliteFeatureStore, user: str) -> set[str]:
    (version,) = store.versions()
    (record,) = store.get_many([user], version)
    return {str(row + 1) for row in unpacked(record.seen)} if record else set()


def stories(answers: Any, user: int = 0) -> dict[str, dict[str, Any]]:
    """The explained items of an answer by id."""
    return {each["item_id"]: each for each in json.loads(answers.explanation[user])["items"]}


def test_a_pin_brings_an_item_to_its_place(served: Plan, store: SqliteFeatureStore) -> None:
    """Even if it was not retrieved: it gets the ranker's score, and the other items move down."""
    plain = served.recommend(["9"], top_k=50)
    candidates = set(plain.item_ids[0])
    never = next(
        str(item) for item in range(1, ITEMS) if str(item) not in candidates | seen(store, "9")
    )
    rules = {"pin": [{"item": never, "place": 3}]}
    answer = served.recommend(["9"], rules=rules, explain=True)
    first = plain.item_ids[0].tolist()
    assert answer.item_ids[0].tolist() == [*first[:2], never, *first[2:4]]
    assert answer.scores[0, 2] == served.score(["9"], [never])[0]
    story = stories(answer)[never]
    assert story["rules"] == [{"rule": "pin", "place": 3}]
    assert (story["rank"], "retrieval_rank" in story) == (3, False)
    assert "rules" not in stories(answer)[first[0]]


def test_a_pin_shows_nothing_that_may_not_be_shown(served: Plan, store: SqliteFeatureStore) -> None:
    """Seen, excluded, filtered and unnamed items stay out; the place goes to the next item."""
    plain = served.recommend(["9"], top_k=50).item_ids[0].tolist()
    (allow,) = (each for each in served.operators if isinstance(each, AllowItems))
    cheap = next(
        str(row + 1)
        for row, price in enumerate(allow._attributes["price"].values)
        if price < 0.5 and str(row + 1) not in seen(store, "9")
    )

    def answer(item: str, **options: Any) -> list[str]:
        rules = {"pin": [{"item": item, "place": 1}]}
        return served.recommend(["9"], rules=rules, **options).item_ids[0].tolist()

    def without_rules(**options: Any) -> list[str]:
        return served.recommend(["9"], **options).item_ids[0].tolist()

    assert answer(min(seen(store, "9"))) == plain[:5]
    excluded: dict[str, Any] = {"exclude_item_ids": [["300"]]}
    assert answer("300", **excluded) == without_rules(**excluded)
    dear = {"filter": "price >= 0.5"}
    assert answer(cheap, **dear) == without_rules(**dear)
    named: dict[str, Any] = {"candidate_item_ids": [plain[10:13]]}
    assert answer(plain[0], **named) == without_rules(**named)
    assert answer(plain[12], **named)[0] == plain[12]


def test_an_item_that_is_switched_off_is_not_pinned(served: Plan) -> None:
    """As in any other answer."""
    (allow,) = (each for each in served.operators if isinstance(each, AllowItems))
    off = np.ones(ITEMS, dtype=bool)
    off[299] = False
    availability = allow._availability
    rules = {"pin": [{"item": "300", "place": 1}]}
    assert served.recommend(["nobody"], rules=rules).item_ids[0, 0] == "300"
    availability._asked, availability._mask = np.inf, off
    try:
        assert "300" not in served.recommend(["nobody"], rules=rules).item_ids[0]
    finally:
        availability._asked, availability._mask = -np.inf, None


def test_a_boost_moves_what_it_names(served: Plan) -> None:
    """Up with a factor above 1, down with one below; scores stay the ranker's; the rest keeps its order."""
    genres = _genres(served)
    plain = served.recommend(SOME_USERS, top_k=50)
    places = Counter[float]()
    for factor in (0.05, 1.0, 20.0):
        rules = {"boost": [{"when": "genres has 'Drama'", "factor": factor}]}
        answer = served.recommend(SOME_USERS, top_k=50, rules=rules, explain=True)
        rule = {"rule": "boost", "when": "genres has 'Drama'", "factor": factor}
        for user in range(len(SOME_USERS)):
            order, moved = plain.item_ids[user].tolist(), answer.item_ids[user].tolist()
            places[factor] += sum(n for n, item in enumerate(moved) if "Drama" in genres[item])
            for chosen in (True, False):
                mine = [item for item in order if ("Drama" in genres[item]) == chosen]
                assert [item for item in moved if item in mine] == mine
            scores = dict(zip(order, plain.scores[user], strict=True))
            assert [scores[item] for item in moved] == answer.scores[user].tolist()
            for item, story in stories(answer, user).items():
                assert story.get("rules", []) == ([rule] if "Drama" in genres[item] else [])
        assert factor != 1 or answer.item_ids.tolist() == plain.item_ids.tolist()
    assert places[0.05] > places[1.0] > places[20.0]


def _genres(served: Plan) -> dict[str, list[str]]:
    (allow,) = (each for each in served.operators if isinstance(each, AllowItems))
    genres = allow._attributes["genres"]
    assert genres.words is not None
    return {str(row + 1): [genres.words[code] for code in genres.of(row)] for row in range(ITEMS)}


def adjusted(
    served: Plan, scores: list[float], *, similar: bool, probabilities: bool
) -> list[float]:
    """Ordering scores of items 1 and 2, of which the rules boost the first by 4."""
    (adjust,) = (each for each in served.operators if isinstance(each, AdjustScores))
    rules = served.run(
        served.columns(
            served.request(
                ["1"], rules={"boost": [{"when": f"price == {_price(served)!r}", "factor": 4}]}
            )
        )
    )["active_rules"]
    made = AdjustScores.__new__(AdjustScores)
    made.config = type(adjust.config)(retrieves=True, probabilities=probabilities)
    made._embeddings = adjust._embeddings
    columns = {
        "user_id": np.array(["1"], object),
        "candidate_rows": np.array([[0, 1, -1]]),
        "ranker_scores": np.array([[*scores, -np.inf]], np.float32),
        "active_rules": rules,
        "temperature": np.zeros(1),
        "seed": np.array([None]),
        "similar_rows": np.array([5 if similar else -1]),
    }
    found = made.run(columns)
    assert found["ordering_scores"].dtype == np.float32
    assert np.isneginf(found["ordering_scores"][0, 2])
    if not similar:
        np.testing.assert_array_equal(found["final_scores"], columns["ranker_scores"])
    before = found["final_scores"][0, :2] if similar else 0
    return [float(each) for each in found["ordering_scores"][0, :2] - before]


def _price(served: Plan) -> float:
    (allow,) = (each for each in served.operators if isinstance(each, AllowItems))
    return float(allow._attributes["price"].values[0])


def test_a_boost_multiplies_odds(served: Plan) -> None:
    """Odds of 1 to 3 times 4 are 4 to 3; a score that is not a probability gets the logarithm added."""
    probabilities = adjusted(served, [0.25, 0.25], similar=False, probabilities=True)
    assert probabilities == pytest.approx([4 / 7, 0.25])
    other = adjusted(served, [-3.0, -3.0], similar=False, probabilities=False)
    assert other == pytest.approx([-3 + np.log(4), -3])
    # Cosines are not probabilities, whatever the ranker's scores are.
    cosines = adjusted(served, [0.25, 0.25], similar=True, probabilities=True)
    assert cosines == pytest.approx([np.log(4), 0], abs=1e-6)


def test_at_most_spreads_categories(served: Plan) -> None:
    """At most three of a genre among the first five: what gave way is held back, and known to be."""
    genres = _genres(served)
    rules = {"at_most": [{"attribute": "genres", "count": 3, "among": 5}]}
    plain = served.recommend(SOME_USERS)
    answers = served.recommend(
        SOME_USERS, rules=rules, explain_item_ids=[items.tolist() for items in plain.item_ids]
    )
    changed = 0
    for user in range(len(SOME_USERS)):
        shown = [genre for item in answers.item_ids[user] for genre in genres[item]]
        assert max(shown.count(genre) for genre in set(shown)) <= 3
        named = json.loads(answers.explanation[user])["named"]
        for story in named:
            if not story["shown"]:
                changed += 1
                assert story["reason"] == "held_back"
                assert story["detail"] == "at most 3 of a genres may be among the first 5"
                assert story["rules"] == [{"rule": "at_most", **rules["at_most"][0]}]
    assert changed > 5


def test_rules_of_one_user_do_not_affect_another(served: Plan) -> None:
    """Alone and in a batch, users get the same answers; without rules nothing changes."""
    rules = {
        "pin": [{"item": "300", "place": 1}],
        "boost": [{"when": "price > 0.5", "factor": 3}],
        "at_most": [{"attribute": "genres", "count": 2}],
    }
    mixed = served.recommend(["1", "2", "3"], rules=[{}, rules, {"boost": []}])
    for place, (user, own) in enumerate([("1", {}), ("2", rules), ("3", {})]):
        alone = served.recommend([user], rules=own)
        assert mixed.item_ids[place].tolist() == alone.item_ids[0].tolist()
        assert mixed.scores[place].tobytes() == alone.scores[0].tobytes()
    assert mixed.item_ids[1, 0] == "300"


def test_rules_go_with_the_other_options(served: Plan) -> None:
    """Filter, temperature and diversity of a request; a boost also counts in a similar-item query."""
    rules = {
        "pin": [{"item": "300", "place": 2}],
        "boost": [{"when": "genres has 'Western'", "factor": 1e6}],
        "at_most": [{"attribute": "genres", "count": 4, "among": 10}],
    }
    users = [str(user) for user in range(1, USERS + 1)]
    answers = served.recommend(
        users,
        top_k=3,
        rules=rules,
        filter="price > 0.1",
        temperature=0.5,
        seed=1,
        diversity=0.3,
        explain=True,
    )
    assert answers.item_ids.shape == (USERS, 3)
    similar = served.recommend([""], similar_to="11", rules={"boost": rules["boost"]})
    assert all("Western" in _genres(served)[item] for item in similar.item_ids[0])


def test_the_recipes_rules_hold_unless_a_request_replaces_them(
    with_rules: Plan, served: Plan, store: SqliteFeatureStore
) -> None:
    """Kind by kind: an empty list switches the recipe's rules of that kind off."""
    users = [user for user in SOME_USERS if "300" not in seen(store, user)]
    assert (with_rules.recommend(users).item_ids[:, 1] == "300").all()
    other = {"pin": [{"item": "301", "place": 1}]}
    replaced = with_rules.recommend(users, rules=other, exclude_item_ids=[["300"]] * len(users))
    same = {**OWN_RULES, **other}
    expected = served.recommend(users, rules=same, exclude_item_ids=[["300"]] * len(users))
    assert replaced.item_ids.tolist() == expected.item_ids.tolist()
    off = with_rules.recommend(users, rules={"pin": [], "at_most": []})
    assert off.item_ids.tolist() == served.recommend(users).item_ids.tolist()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"pin": [{"item": "nonsense", "place": 1}]}, "an item of this release, got 'nonsense'"),
        ({"boost": [{"when": "year > 5", "factor": 2}]}, "among: genres, price; got 'year'"),
        (
            {"boost": [{"when": "price > 5", "factor": -2}]},
            r"rules\.boost\[0\]\.factor: expected a",
        ),
        ({"bost": []}, "did you mean 'boost'"),
    ],
)
def test_impossible_rules_are_refused(served: Plan, rules: dict[str, Any], message: str) -> None:
    """The error names the rule, what was expected and what was given."""
    with pytest.raises(RequestError, match=message):
        served.recommend(["1"], rules=rules)


def test_rules_on_the_wire_are_a_json_object() -> None:
    """Anything else is refused with an example."""
    for text, message in ((b"[1]", 'a JSON object such as {"pin": '), (b"{", "got invalid JSON")):
        arrays = {"user_id": np.array([[b"1"]], object), "rules": np.array([[text]], object)}
        with pytest.raises(RequestError, match="expected rules to be") as caught:
            batch_of(arrays)
        assert message in str(caught.value)


def test_a_recipe_whose_rules_do_not_fit_its_items_is_not_exported(artifacts: Artifacts) -> None:
    """The message names the key in the recipe."""
    for rules, message in (
        ({"pin": [{"item": "p99", "place": 1}]}, r"serving.rules.pin\[0\].item: .* got 'p99'"),
        (
            {"boost": [{"when": "price > 'x'", "factor": 2}]},
            r"serving.rules.boost\[0\].when .*'price' holds numbers: expected a number, got 'x'",
        ),
    ):
        recipe = with_settings(RECIPE, {"serving.rules": rules})
        with (
            pytest.raises(ShortlistError, match=message),
            served_in_process(recipe, artifacts),
        ):
            pass


def test_the_server_applies_rules(client: Client, served: Plan) -> None:
    """Over both protocols as in this process; a bad rule is refused by name."""
    rules = {
        "pin": [{"item": "300", "place": 2}],
        "boost": [{"when": "genres has 'Drama'", "factor": 2}],
        "at_most": [{"attribute": "genres", "count": 2, "among": 3}],
    }
    found = client.recommend(["1", "nobody"], rules=rules, explain=True)
    expected = served.recommend(["1", "nobody"], rules=rules, explain=True)
    assert found.item_ids.tolist() == expected.item_ids.tolist()
    assert found.explanations == [json.loads(text) for text in expected.explanation]
    with pytest.raises(ShortlistError, match="an item of this release, got 'nonsense'"):
        client.recommend(["1"], rules={"pin": [{"item": "nonsense", "place": 1}]})


def test_the_command_shows_the_rules(
    server: Server,
    artifacts: Artifacts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`recommend --rules --explain` asks with them, and names those that apply to an item."""
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(artifacts.root.parent))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "made-up.toml").write_text(synthetic.TOML, encoding="utf-8")
    asked = ["recommend", str(tmp_path / "made-up.toml"), "--user", "nobody", "--explain"]
    asked += ["--url", server.address.grpc, "--rules", 'pin=[{"item": "300", "place": 2}]']
    assert main([*asked, "--rules", 'boost=[{"when": "price >= 0", "factor": 1.5}]']) == 0
    shown = capsys.readouterr().out
    assert "pin (place 2); boost (when price >= 0, factor 1.5)" in shown
    assert main([*asked, "--rules", "boost=2"]) == 1
    assert "rules.boost: expected a list such as [{" in capsys.readouterr().err


TOML = """
name = "shop"
source = { kind = "parquet", interactions = "orders.parquet" }
columns = { user = "customer", item = "product" }
split = { kind = "random" }
[features.item]
brand = { kind = "categorical" }
[serving.rules]
pin = [{ item = "p1", place = 1 }]
boost = [{ when = "brand == 'own'", factor = 1.2 }]
at_most = [{ attribute = "brand", count = 2, among = 10 }]
"""


def test_a_recipe_has_rules(tmp_path: Path) -> None:
    """They are checked when it is loaded: form, conditions, names of attributes."""
    path = tmp_path / "shop.toml"
    path.write_text(TOML, encoding="utf-8")
    rules = Rules.of(load(str(path)).serving.rules)
    assert rules == Rules(
        (Pin("p1", 1),), (Boost("brand == 'own'", 1.2),), (AtMost("brand", 2, 10),)
    )
    for wrong, message in (
        ({"pin": [{"item": "1", "place": 0}]}, r"serving.rules: pin\[0\].place: expected a whole"),
        (
            {"at_most": [{"attribute": "genre", "count": 1}]},
            r"serving.rules.at_most\[0\].attribute: .* among: genres, price; got 'genre' "
            r"\(did you mean 'genres'\?\)",
        ),
    ):
        with pytest.raises(ShortlistError, match=message):
            with_settings(RECIPE, {"serving.rules": wrong})
