"""Answers of a real Triton, over gRPC and HTTP."""

import socket
import threading
from contextlib import suppress

import numpy as np
import pytest

from ensemble.recommendations import Recommendations
from ensemble.triton.client import Client, Protocol
from ensemble.triton.ports import reserved_ports
from ensemble.triton.server import Server
from runtime.plan import Plan
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.synthetic import USERS, interactions

SIXTY_FOUR = [str(user) for user in range(USERS - 63, USERS + 1)]


def test_the_served_answer_is_the_plans_answer(client: Client, served: Plan) -> None:
    """Ids, known users and, bit for bit, scores match the release in this process."""
    users = ["1", "2", str(USERS), "nobody", ""]
    excluded: list[list[str]] = [["7"], [], [], ["1", "2"], []]
    answer = client.recommend(users, top_k=[5, 1, 5, 5, 2], exclude_item_ids=excluded)
    expected = served.recommend(users, top_k=[5, 1, 5, 5, 2], exclude_item_ids=excluded)
    assert answer.item_ids.tolist() == expected.item_ids.tolist()
    assert answer.scores.tobytes() == np.ascontiguousarray(expected.scores).tobytes()
    assert answer.known_user.tolist() == [True, True, True, False, False]
    assert answer.scores.dtype == np.float32


def test_pairs_are_scored_by_the_server(client: Client, served: Plan) -> None:
    """A user's named items get the plan's scores, next to a user who names none."""
    given = [["3", "9", "27"], []]
    answer = client.recommend(["1", "5"], candidate_item_ids=given)
    expected = served.recommend(["1", "5"], candidate_item_ids=given)
    assert answer.item_ids.tolist() == expected.item_ids.tolist()
    assert answer.scores.tobytes() == np.ascontiguousarray(expected.scores).tobytes()


def test_alone_and_in_a_batch_of_64(client: Client, artifacts: Artifacts) -> None:
    """Each of 64 users gets the same answer alone; scores descend; seen items do not appear."""
    batch = client.recommend(SIXTY_FOUR, top_k=20)
    assert (batch.scores[:, 1:] <= batch.scores[:, :-1]).all()
    seen = interactions(artifacts)
    for row, user in enumerate(SIXTY_FOUR):
        alone = client.recommend([user], top_k=20)
        assert alone.item_ids[0].tolist() == batch.item_ids[row].tolist()
        assert alone.scores[0].tobytes() == batch.scores[row].tobytes()
        assert not set(seen[user]) & set(batch.item_ids[row])


def test_requests_that_triton_batches_are_not_mixed_up(
    server: Server, protocol: Protocol, served: Plan
) -> None:
    """From eight connections at once, with and without options, every user gets the right answer."""
    wrong: list[str] = []

    def ask(worker: int) -> None:
        with Client(getattr(server.address, protocol), protocol) as client:
            for turn in range(20):
                user = str(1 + (worker * 20 + turn) % USERS)
                top_k = 1 + (worker + turn) % 7
                excluded = [[str(turn), "8"]] if turn % 3 == 0 else None
                answer = client.recommend([user], top_k=top_k, exclude_item_ids=excluded)
                expected = served.recommend([user], top_k=top_k, exclude_item_ids=excluded)
                if answer.item_ids.tolist() != expected.item_ids.tolist():
                    wrong.append(user)

    workers = [threading.Thread(target=ask, args=(worker,)) for worker in range(8)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert wrong == []


def test_without_options_the_recipe_decides(client: Client) -> None:
    """Five items, as the recipe specifies; an empty list of exclusions excludes nothing."""
    answer: Recommendations = client.recommend(["1"], exclude_item_ids=[[]])
    assert answer.item_ids.shape == answer.scores.shape == (1, 5)
    assert answer.item_ids.tolist() == client.recommend(["1"]).item_ids.tolist()


def test_both_protocols_say_the_same(server: Server) -> None:
    """The same request gets the same answer over gRPC and HTTP."""
    with Client(server.address.grpc) as grpc, Client(server.address.http, "http") as http:
        answers = [client.recommend(SIXTY_FOUR) for client in (grpc, http)]
    assert answers[0].item_ids.tolist() == answers[1].item_ids.tolist()
    assert answers[0].scores.tobytes() == answers[1].scores.tobytes()


def test_no_server_names_the_command_that_starts_one(protocol: Protocol) -> None:
    """The error for a refused connection names the address."""
    with reserved_ports("127.0.0.1") as ports:
        free = ports.http
    with (
        Client(f"127.0.0.1:{free}", protocol) as client,
        pytest.raises(ShortlistError, match=rf"127\.0\.0\.1:{free}.*shortlist serve"),
    ):
        client.recommend(["1"])


def test_a_server_that_ends_within_a_request_is_named(protocol: Protocol) -> None:
    """It accepts the connection and closes it instead of answering."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            with suppress(OSError):  # closed at the end of the test
                while True:
                    connection, _ = listening.accept()
                    connection.recv(1)
                    connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        where = f"127.0.0.1:{listening.getsockname()[1]}"
        with Client(where, protocol) as client, pytest.raises(ShortlistError) as failure:
            client.recommend(["1"])
    assert f"expected a server at {where} over {protocol}" in str(failure.value)


def test_an_unknown_protocol_is_refused() -> None:
    """There are only two."""
    with pytest.raises(ShortlistError, match="'grpc' or 'http'"):
        Client("127.0.0.1:1", "smoke signals")  # type: ignore[arg-type]


@pytest.mark.parametrize("top_k", [0, -1, 51, 10_000])
def test_an_impossible_top_k_is_refused_with_the_limits(client: Client, top_k: int) -> None:
    """The server's message states the limits, and the server keeps running."""
    with pytest.raises(ShortlistError, match=f"top_k from 1 to 50, got {top_k}"):
        client.recommend(["1"], top_k=top_k)
    assert client.recommend(["1"]).known_user[0]


def test_an_empty_batch_is_refused(client: Client) -> None:
    """A request needs a user."""
    with pytest.raises(ShortlistError):
        client.recommend([])
    assert client.recommend(["1"]).known_user[0]


def test_more_users_than_the_largest_batch_are_refused(client: Client) -> None:
    """The recipe allows 64 users, and Triton's message names that number."""
    with pytest.raises(ShortlistError, match="64"):
        client.recommend([str(user) for user in range(65)])
    assert client.recommend(["1"]).known_user[0]


def test_a_megabyte_of_user_id_is_an_unknown_user(client: Client) -> None:
    """A huge id gets the answer for an unknown user, in a batch too."""
    answer = client.recommend(["x" * 1_000_000, "1", "y" * 1_000_000])
    assert answer.known_user.tolist() == [False, True, False]
    assert answer.item_ids[0].tolist() == client.recommend(["nobody"]).item_ids[0].tolist()
