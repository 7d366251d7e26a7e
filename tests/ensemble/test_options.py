"""The options of a request, on a loaded release."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensemble.releases.records import records_of
from runtime.candidates.diversify import diversified
from runtime.errors import RequestError
from runtime.operators.allow_items import AllowItems
from runtime.operators.choose_search_vector import ChooseSearchVector
from runtime.plan import Plan
from runtime.stores.sqlite_store import SqliteFeatureStore
from stages.artifacts import Artifacts
from tests.ensemble.synthetic import USERS, interactions

SOME_USERS = [str(user) for user in range(1, 30)]


def test_a_filter_keeps_the_best_of_what_it_lets_through(served: Plan) -> None:
    """The answer keeps the unfiltered order without the items that do not match, and is full."""
    every = served.recommend(["1"], top_k=50).item_ids[0]
    answer = served.recommend(["1"], top_k=50, filter='genres has "Drama"').item_ids[0]
    genres = _genres(served)
    assert all("Drama" in genres[item] for item in answer)
    assert len(set(answer)) == 50
    shared = [item for item in every if "Drama" in genres[item]]
    assert [item for item in answer if item in shared] == shared


def _genres(served: Plan) -> dict[str, list[str]]:
    """The genres of each item in the release."""
    (allow,) = (each for each in served.operators if isinstance(each, AllowItems))
    genres = allow._attributes["genres"]
    assert genres.words is not None
    assert genres.offsets is not None
    words = [genres.words[place] for place in genres.values.tolist()]
    begins = genres.offsets.tolist()
    return {str(row + 1): words[begin:end] for row, (begin, end) in enumerate(pairwise(begins))}


def test_a_request_may_include_what_the_user_had(
    served: Plan, store: SqliteFeatureStore, release: Path
) -> None:
    """One user's own items are in the answer, and no item is missing; the other user's stay hidden."""
    (record,) = store.get_many(["9"], records_of(release))
    assert record is not None
    plain, asked = (
        served.recommend(["9", "9"], top_k=50, include_seen=s) for s in (None, [True, False])
    )
    assert not set(record.interactions) & set(plain.item_ids[0])
    assert set(record.interactions) & set(asked.item_ids[0])
    assert asked.item_ids[1].tolist() == plain.item_ids[1].tolist()
    own = list(record.interactions)
    answer = served.recommend(["9"], include_seen=True, explain_item_ids=[own])
    stories = json.loads(answer.explanation[0])["named"]
    assert "seen" not in {story["reason"] for story in stories}
    everything = "price > -1e9"
    assert served.recommend(["9"], include_seen=True, filter=everything).item_ids.tolist() == (
        answer.item_ids.tolist()
    )


def test_a_filter_that_nothing_fulfils_gives_nothing(served: Plan) -> None:
    """No item, and no error; the other user is not affected."""
    answers = served.recommend(["1", "2"], filter=["price > 1e9", ""])
    assert answers.item_ids[0].tolist() == [""] * 5
    assert answers.item_ids[1].tolist() == served.recommend(["2"]).item_ids[0].tolist()


def test_a_filter_holds_for_named_candidates(served: Plan) -> None:
    """Named candidates are filtered like retrieved ones."""
    genres = _genres(served)
    named = [str(item) for item in range(1, 30)]
    answer = served.recommend(["1"], candidate_item_ids=[named], filter="genres has 'Comedy'")
    shown = {item for item in answer.item_ids[0] if item}
    assert shown == {item for item in named if "Comedy" in genres[item]}


def test_features_of_an_unknown_user_change_the_answer(served: Plan) -> None:
    """Cold start: a request may provide features of an unknown user, who stays unknown."""
    plain = served.recommend(["nobody"])
    young, old = (
        served.recommend(["nobody"], user_features={"age": age, "gender": "F"}) for age in (12, 60)
    )
    assert not young.known_user[0]
    answers = {tuple(each.item_ids[0]) for each in (plain, young, old)}
    assert len(answers) == 3


def test_features_of_the_request_go_before_those_of_the_store(
    served: Plan, release: Path, store: SqliteFeatureStore
) -> None:
    """The same features as in the store change nothing; others do."""
    (record,) = store.get_many(["7"], records_of(release))
    assert record is not None
    same = served.recommend(["7"], user_features=dict(record.features))
    assert same.scores.tobytes() == served.recommend(["7"]).scores.tobytes()
    other = served.recommend(["7"], user_features={"income": 50.0})
    assert other.scores.tobytes() != same.scores.tobytes()


def test_a_seeded_draw_is_the_same_alone_and_in_a_batch(served: Plan) -> None:
    """Temperature and seed give the same answer each time; another seed gives another."""
    batch = served.recommend(SOME_USERS, temperature=1.0, seed=5)
    again = served.recommend([SOME_USERS[3]], temperature=1.0, seed=5)
    assert batch.item_ids[3].tolist() == again.item_ids[0].tolist()
    other = served.recommend(SOME_USERS, temperature=1.0, seed=6)
    assert batch.item_ids.tolist() != other.item_ids.tolist()
    assert (served.recommend(["1"], temperature=1.0, seed=-1).item_ids != "").all()


def test_a_temperature_near_zero_is_the_order_by_score(served: Plan) -> None:
    """A smaller temperature is closer to the plain answer; scores stay those of the ranker."""
    plain = served.recommend(SOME_USERS)
    cold = served.recommend(SOME_USERS, temperature=1e-30, seed=1)
    assert cold.item_ids.tolist() == plain.item_ids.tolist()
    assert cold.scores.tobytes() == plain.scores.tobytes()


def test_draws_follow_the_scores(served: Plan) -> None:
    """Over many seeds the first item is drawn with probability ~ exp(score / temperature)."""
    temperature = 0.2
    candidates = served.recommend(["1"], top_k=50)
    weights = np.exp(candidates.scores[0].astype(float) / temperature)
    draws = 2000
    drawn = Counter(
        items[0]
        for items in served.recommend(
            ["1"] * draws, top_k=1, temperature=temperature, seed=range(draws)
        ).item_ids
    )
    expected = weights / weights.sum()
    best = candidates.item_ids[0][0]
    deviation = np.sqrt(expected[0] * (1 - expected[0]) / draws)
    assert abs(drawn[best] / draws - expected[0]) < 5 * deviation
    assert len(drawn) > 10


def test_diversity_by_hand() -> None:
    """Of two similar items and one different, the different one is second at enough diversity."""
    preference = np.array([1.0, 0.9, 0.0])
    embeddings = np.array([[1, 0], [1, 0.1], [0, 1]], dtype=np.float32)
    assert diversified(preference, embeddings, 0.0, 3).tolist() == [0, 1, 2]
    # 0.4 * 0.9 - 0.6 * 0.995 = -0.24 for the second, 0.4 * 0 - 0.6 * 0 = 0 for the third.
    assert diversified(preference, embeddings, 0.6, 2).tolist() == [0, 2]
    assert diversified(np.array([-np.inf, 2.0]), embeddings[:2], 0.5, 5).tolist() == [1, 0]
    assert diversified(np.zeros(0), embeddings[:0], 0.5, 3).tolist() == []


def test_diverse_answers_are_less_alike(served: Plan) -> None:
    """The mean cosine within an answer falls; the best item stays first."""
    plain, diverse = (
        served.recommend(SOME_USERS, top_k=10, diversity=weight) for weight in (0.0, 0.7)
    )
    assert (plain.item_ids[:, 0] == diverse.item_ids[:, 0]).all()
    assert _likeness(served, diverse.item_ids) < _likeness(served, plain.item_ids)


def _likeness(served: Plan, answers: np.ndarray) -> float:
    (choose,) = (each for each in served.operators if isinstance(each, ChooseSearchVector))
    found = []
    for items in answers:
        vectors = choose._embeddings[choose._catalogue.rows(items)]
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        found.append((vectors @ vectors.T)[np.triu_indices(len(items), 1)].mean())
    return float(np.mean(found))


def test_items_like_an_item(served: Plan) -> None:
    """Items 11 and 21 have the same embedding: each is first for the other, with a cosine of 1."""
    answers = served.recommend(["", ""], similar_to=["11", "21"])
    assert [items[0] for items in answers.item_ids] == ["21", "11"]
    np.testing.assert_allclose(answers.scores[:, 0], 1, rtol=1e-6)
    assert "11" not in answers.item_ids[0]
    assert (np.diff(answers.scores, axis=1) <= 0).all()


def test_an_item_that_is_switched_off_is_in_no_answer(served: Plan) -> None:
    """It is neither retrieved nor scored by name; others move up, and it returns when switched on."""
    (allow,) = (each for each in served.operators if isinstance(each, AllowItems))
    before = served.recommend(["1"], top_k=6).item_ids[0].tolist()
    off = np.ones(400, dtype=bool)
    off[[int(before[0]) - 1, int(before[2]) - 1]] = False
    availability = allow._availability
    availability._asked, availability._mask = np.inf, off
    try:
        after = served.recommend(["1"], top_k=4).item_ids[0].tolist()
        named = served.recommend(["1"], candidate_item_ids=[before])
        (story,) = json.loads(
            served.recommend(["1"], explain_item_ids=[[before[0]]]).explanation[0]
        )["named"]
    finally:
        availability._asked, availability._mask = -np.inf, None
    assert after == [before[place] for place in (1, 3, 4, 5)]
    assert set(named.item_ids[0]) == {*after, ""}
    assert (story["shown"], story["reason"]) == (False, "switched_off")
    assert served.recommend(["1"], top_k=6).item_ids[0].tolist() == before


def test_an_explanation_tells_where_each_answer_comes_from(served: Plan) -> None:
    """Ranks count from 1 and agree with the answer; users without the option get no explanation."""
    answers = served.recommend(["1", "2"], explain=[True, False])
    assert answers.explanation[1] == ""
    items = json.loads(answers.explanation[0])["items"]
    assert [each["item_id"] for each in items] == answers.item_ids[0].tolist()
    assert [each["rank"] for each in items] == [1, 2, 3, 4, 5]
    assert [each["ranker_rank"] for each in items] == [1, 2, 3, 4, 5]
    np.testing.assert_allclose([each["score"] for each in items], answers.scores[0], rtol=1e-6)
    trace = served.trace(["1"])
    for each in items:
        row = int(each["item_id"]) - 1
        assert trace.retrieved_rows[0][each["retrieval_rank"] - 1] == row


def test_an_explanation_tells_why_an_item_is_not_there(served: Plan, artifacts: Artifacts) -> None:
    """One item per reason."""
    user = "9"
    seen = interactions(artifacts)[user]
    trace = served.trace([user], top_k=50)
    ids = [str(row + 1) for row in trace.item_rows[0]]
    candidates = {str(row + 1) for row in trace.candidate_rows[0]}
    never = next(str(item) for item in range(1, 401) if str(item) not in {*candidates, *seen})
    genres = _genres(served)
    unfit = next(item for item in ids[1:] if "Western" not in genres[item])
    named = [ids[0], ids[1], ids[7], seen[0], "nonsense"]
    answer = served.recommend(
        [user] * 3,
        top_k=5,
        exclude_item_ids=[[ids[1]], [], []],
        filter=["", "", "genres has 'Western'"],
        explain_item_ids=[named, [never], [unfit]],
    )
    stories = [json.loads(each)["named"] for each in answer.explanation]
    reasons = [each["reason"] for each in stories[0]]
    assert reasons == ["shown", "excluded", "ranked_below", "seen", "unknown_item"]
    assert stories[0][2]["ranker_rank"] > 5
    assert stories[1][0]["reason"] in ("not_retrieved", "not_ranked")
    assert stories[2][0]["reason"] == "filtered"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter": "year > 5"}, r"expected a column among: genres, price; got 'year'"),
        ({"user_features": {"aeg": 5}}, "'aeg'.*did you mean 'age'"),
        (
            {"user_features": {"age": float("inf")}},
            "finite numbers .* in user_features, got 'age': inf",
        ),
        ({"user_features": {"income": 1e300}}, "finite numbers .* in user_features, got 'income'"),
        (
            {"user_features": {"group": 5}},
            r"\['age', 'gender', 'income'\], which the models read, got 'group'",
        ),
        ({"temperature": -1.0}, "temperature of 0 or more, got -1"),
        ({"temperature": float("nan")}, "temperature of 0 or more, got nan"),
        ({"diversity": 1.5}, "diversity from 0 to 1, got 1.5"),
        ({"similar_to": "no such item"}, "to be an item of this release, got 'no such item'"),
        ({"seed": [1, 2]}, "seed for each of 1 users, got 2"),
        ({"exclude_item_ids": ["p10"]}, "a list of exclude_item_ids for each user, got 'p10'"),
    ],
)
def test_impossible_options_are_refused(
    served: Plan, options: dict[str, Any], message: str
) -> None:
    """The error states what was expected and what was given."""
    with pytest.raises(RequestError, match=message):
        served.recommend(["1"], **options)


def test_options_together(served: Plan) -> None:
    """All options at once, for many users: the answers keep their shape."""
    users = [str(user) for user in range(1, USERS + 1)]
    answers = served.recommend(
        users,
        top_k=3,
        filter="price > 0.3",
        temperature=0.5,
        seed=1,
        diversity=0.3,
        explain=True,
    )
    assert answers.item_ids.shape == (USERS, 3)
    for user, story in zip(users, answers.explanation, strict=True):
        assert len(json.loads(story)["items"]) <= 3, user
