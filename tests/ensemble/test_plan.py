"""Answers of a loaded release: users, counts and order, the same alone and in any batch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import ReleaseError, RequestError
from runtime.plan import Plan
from runtime.request import Answers
from stages.artifacts import Artifacts
from tests.ensemble.synthetic import ITEMS, RECIPE, USERS, interactions

ALL_USERS = [str(user) for user in range(1, USERS + 1)]


def _same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 80])
def test_an_answer_is_the_same_to_the_bit_alone_and_in_any_batch(served: Plan, size: int) -> None:
    """Scores and items of a user do not depend on the other users in the batch."""
    alone = [served.recommend([user], top_k=50) for user in ALL_USERS]
    for start in range(0, len(ALL_USERS), size):
        batch = served.recommend(ALL_USERS[start : start + size], top_k=50)
        for place, expected in enumerate(alone[start : start + size]):
            assert batch.item_ids[place].tolist() == expected.item_ids[0].tolist()
            assert _same_bits(batch.scores[place], expected.scores[0])


def test_one_query_vector_is_the_same_as_among_many(served: Plan) -> None:
    """The query tower's output for one user equals that user's row in a batch, bit for bit."""
    together = served.run(served.columns(served.request(ALL_USERS)))
    for row, user in enumerate(ALL_USERS):
        alone = served.run(served.columns(served.request([user])))
        assert _same_bits(alone["query"][0], together["query"][row])


def test_seen_items_never_appear(served: Plan, artifacts: Artifacts) -> None:
    """No user is recommended an item of the training part."""
    answers, seen = served.recommend(ALL_USERS, top_k=50), interactions(artifacts)
    for row, user in enumerate(ALL_USERS):
        assert not set(seen[user]) & set(answers.item_ids[row])


def test_scores_descend_and_ties_follow_the_item_row(served: Plan) -> None:
    """Every answer is sorted; no item appears twice."""
    answers = served.recommend(ALL_USERS, top_k=50)
    assert (answers.scores[:, 1:] <= answers.scores[:, :-1]).all()
    for items in answers.item_ids:
        real = [item for item in items if item]
        assert len(set(real)) == len(real)


def test_a_named_candidate_has_the_score_it_is_recommended_with(served: Plan) -> None:
    """Pairs get the scores of the funnel; seen items have a score too, unknown items have none."""
    answer = served.recommend(["7"], top_k=5)
    scores = served.score(["7"] * 5, answer.item_ids[0].tolist())
    np.testing.assert_allclose(scores, answer.scores[0], rtol=1e-6)
    seen = served.run(served.columns(served.request(["7"])))["interactions"][0][0]
    known, unknown = served.score(["7", "7"], [seen, "no such item"])
    assert np.isfinite(known)
    assert unknown == -np.inf


def test_a_request_that_names_candidates_gets_all_of_them_back(served: Plan) -> None:
    """Another user gets the recipe's number of items; too many candidates are refused."""
    answers = served.recommend(
        ["7", "8"], candidate_item_ids=[["1", "2", "3", "4", "5", "6", "7"], []]
    )
    assert sorted(answers.item_ids[0]) == ["1", "2", "3", "4", "5", "6", "7"]
    assert [item for item in answers.item_ids[1] if item] == served.recommend(["8"]).item_ids[
        0
    ].tolist()
    with pytest.raises(RequestError, match="at most 50 candidate_item_ids"):
        served.recommend(["7"], candidate_item_ids=[["1"] * 51])


def test_an_unknown_user_gets_the_unknown_users_answer(served: Plan) -> None:
    """All unknown users get the same answer, and are marked as unknown."""
    answers = served.recommend(["nobody", "", "日本", "1"])
    assert answers.known_user.tolist() == [False, False, False, True]
    first, *others = answers.item_ids[:3].tolist()
    assert others == [first, first]
    assert all(answers.item_ids[0])
    assert np.isfinite(answers.scores).all()


def test_a_user_known_to_the_store_but_not_to_the_vocabulary(served: Plan) -> None:
    """User 2 is OOV, but has features and a history, and so does not get the unknown user's answer."""
    answers = served.recommend(["2", "nobody"])
    assert answers.known_user.tolist() == [True, False]
    assert answers.item_ids[0].tolist() != answers.item_ids[1].tolist()


def test_where_fewer_than_k_remain_the_tail_is_empty(served: Plan, artifacts: Artifacts) -> None:
    """A user who has seen nearly everything gets the rest of the catalogue, then empty strings."""
    seen = interactions(artifacts)[str(USERS)]
    unseen = {str(item) for item in range(1, ITEMS + 1)} - set(seen)
    answers = served.recommend([str(USERS)], top_k=10)
    assert set(answers.item_ids[0][: len(unseen)]) == unseen
    assert answers.item_ids[0][len(unseen) :].tolist() == [""] * (10 - len(unseen))
    assert np.isneginf(answers.scores[0][len(unseen) :]).all()


def test_excluded_items_do_not_appear_and_others_move_up(served: Plan) -> None:
    """Without a user's first two items, the third moves up; unknown ids are not an error."""
    before = served.recommend(["1"], top_k=5).item_ids[0].tolist()
    excluded = [before[0], before[1], "no such item", ""]
    after = served.recommend(["1"], top_k=3, exclude_item_ids=[excluded]).item_ids[0].tolist()
    assert after == before[2:]


def test_every_user_has_an_own_top_k(served: Plan) -> None:
    """The output is as wide as the largest top_k; the row of a smaller one ends earlier."""
    answers = served.recommend(["1", "2"], top_k=[2, 4])
    assert answers.item_ids.shape == (2, 4)
    assert answers.item_ids[0, 2:].tolist() == ["", ""]
    assert answers.item_ids[0, :2].tolist() == served.recommend(["1"], top_k=2).item_ids[0].tolist()


def test_without_top_k_the_recipe_decides(served: Plan) -> None:
    """The default width is the recipe's."""
    assert served.recommend(["1"]).item_ids.shape == (1, RECIPE.serving.top_k)


@pytest.mark.parametrize(
    ("users", "top_k", "exclude", "message"),
    [
        ([], None, None, "empty batch"),
        (["1"], 0, None, "top_k from 1 to 50, got 0"),
        (["1"], 10_000, None, "top_k from 1 to 50, got 10000"),
        (["1", "2"], [5], None, "top_k for each of 2 users, got 1"),
        (["1"], None, [[], []], "exclude_item_ids for each of 1 users, got 2"),
    ],
)
def test_impossible_requests_are_refused(
    served: Plan,
    users: Sequence[str],
    top_k: int | Sequence[int] | None,
    exclude: Sequence[Sequence[str]] | None,
    message: str,
) -> None:
    """The error states what was expected and what was given."""
    with pytest.raises(RequestError, match=message):
        served.recommend(users, top_k=top_k, exclude_item_ids=exclude)


def test_requests_answered_together_are_answered_apart(served: Plan) -> None:
    """Several requests in one pass get the same answers as alone, each in its own width."""
    requests = [
        served.request(["1"], top_k=3),
        served.request(["2", "3"], top_k=[1, 2], exclude_item_ids=[["5"], []]),
    ]
    first, second = served.answer(requests)
    expected: list[Answers] = [served.answer([request])[0] for request in requests]
    for got, wanted in zip((first, second), expected, strict=True):
        assert got.item_ids.tolist() == wanted.item_ids.tolist()
        assert _same_bits(np.ascontiguousarray(got.scores), np.ascontiguousarray(wanted.scores))
    assert (first.item_ids.shape, second.item_ids.shape) == ((1, 3), (2, 2))


def test_more_users_than_a_batch(served: Plan) -> None:
    """Hundreds of users are answered in batches, in their order."""
    users = ALL_USERS * 4
    answers = served.recommend(users)
    assert answers.item_ids.shape[0] == len(users)
    assert answers.item_ids[300].tolist() == served.recommend([users[300]]).item_ids[0].tolist()


def test_the_trace_shows_what_each_stage_kept(served: Plan, artifacts: Artifacts) -> None:
    """Answers are candidates; candidates are retrieved items without the seen ones."""
    trace = served.trace(ALL_USERS[:10], top_k=5)
    assert trace.candidate_rows.shape == (10, 50)
    assert trace.item_rows.shape == (10, 5)
    for row, user in enumerate(ALL_USERS[:10]):
        seen = {int(item) - 1 for item in interactions(artifacts)[user]}
        retrieved = [item for item in trace.retrieved_rows[row].tolist() if item >= 0]
        expected = [item for item in retrieved if item not in seen][:50]
        assert trace.candidate_rows[row].tolist() == expected
        best = trace.candidate_rows[row][np.argsort(-trace.ranker_scores[row], kind="stable")]
        assert set(trace.item_rows[row]) == set(best[:5])


def test_operators_in_a_wrong_order_are_refused(served: Plan, release: Path) -> None:
    """A plan that reads a column before it is made does not load."""
    graph = {"user_features": (), "retrieves": True, "generators": []}
    settings = {"candidates": 50, "top_k": 5, "graph": graph}
    with pytest.raises(ReleaseError, match="an operator before encode_user that makes"):
        Plan(settings, served.operators[1:])
