"""Options of a request, all the way to a real Triton and back."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ensemble.triton.client import Client
from runtime.plan import Plan
from stages.errors import ShortlistError

USERS = ["1", "2", "nobody"]
OPTIONS: list[dict[str, Any]] = [
    {"filter": 'genres has "Drama" and price >= 0.2'},
    {"filter": ["", "price < 0.5", 'genres in ["Western"]']},
    {"user_features": {"age": 15, "gender": "F"}},
    {"user_features": [{}, {"income": 4.5}, {"age": 60}]},
    {"temperature": 0.5, "seed": 11},
    {"temperature": [0.0, 0.1, 3.0], "seed": [1, 2, 3]},
    {"diversity": 0.4},
    {"similar_to": "11"},
    {"similar_to": ["", "21", "7"]},
    {"rules": [{}, {"pin": [{"item": "300", "place": 2}]}, {"boost": []}]},
    {"explain": True, "explain_item_ids": [["3"], [], ["4", "no such item"]]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options))
def test_the_served_answer_is_the_plans_answer(
    client: Client, served: Plan, options: dict[str, Any]
) -> None:
    """Ids, explanations and, bit for bit, scores match the release in this process."""
    answer = client.recommend(USERS, top_k=4, **options)
    expected = served.recommend(USERS, top_k=4, **options)
    assert answer.item_ids.tolist() == expected.item_ids.tolist()
    assert answer.scores.tobytes() == np.ascontiguousarray(expected.scores).tobytes()
    explained = [each is not None for each in answer.explanations]
    assert explained == [text != "" for text in expected.explanation]
    assert not answer.degraded.any()


def test_an_answer_names_its_release(client: Client) -> None:
    """It is the version in the model repository."""
    assert client.recommend(["1"]).release == "1"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter": "year > 5"}, "expected a column among: genres, price; got 'year'"),
        (
            {"filter": "price >"},
            "expected the name of a column, a number or a string, got the end",
        ),
        ({"user_features": {"shoe_size": 43}}, "which the models read, got 'shoe_size'"),
        ({"temperature": -2}, "temperature of 0 or more, got -2"),
        ({"diversity": 2}, "diversity from 0 to 1, got 2"),
        ({"similar_to": "no such item"}, "to be an item of this release, got 'no such item'"),
    ],
)
def test_an_impossible_option_is_refused(
    client: Client, options: dict[str, Any], message: str
) -> None:
    """The server's message arrives, and the server keeps running."""
    with pytest.raises(ShortlistError, match=message):
        client.recommend(["1"], **options)
    assert client.recommend(["1"]).known_user[0]


def test_a_bad_filter_fails_alone(server: Any, in_parallel: Callable[..., list[Any]]) -> None:
    """Of requests that Triton answers together, only the bad one fails."""

    def ask(worker: int) -> list[bool]:
        """Whether each request of this worker was answered."""
        answered = []
        with Client(server.address.grpc) as client:
            for _ in range(20):
                try:
                    client.recommend(["1"], filter="nonsense" if worker == 0 else None)
                    answered.append(True)
                except ShortlistError:
                    answered.append(False)
        return answered

    guilty, *others = in_parallel(ask, 6)
    assert not any(guilty)
    assert all(map(all, others))
