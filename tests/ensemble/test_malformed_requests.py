"""Random requests: every answer is valid or an error with a message, and the server keeps running."""

import http.client
import json
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2, service_pb2_grpc

from ensemble.triton.client import Client
from ensemble.triton.server import Server
from runtime.request_options import BY_NAME
from runtime.tensors import OUTPUTS
from tests.ensemble.processes import resident_kilobytes

UNAVAILABLE, DEADLINE_EXCEEDED = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED
#: Requests per drawn example: drawing then takes no longer than answering.
TOGETHER = 25
DATATYPES = ["BYTES", "INT32", "INT64", "FP32", "FP64", "BOOL", "UINT8", "FP16", "NONSENSE", ""]
NAMES = st.one_of(st.sampled_from([*BY_NAME]), st.sampled_from(["user", "", "TOP_K"]))
SHAPES = st.lists(st.one_of(st.integers(0, 3), st.sampled_from([-1, 1, 1, 70])), max_size=3)
TEXTS = st.one_of(
    st.sampled_from(
        ["1", "2", "", "nobody", "{", '{"age": 5}', "[]", 'genres has "Drama"', "price >"]
    ),
    st.text(max_size=8),
)
VALUES = st.one_of(
    TEXTS, st.integers(-(2**63), 2**63), st.floats(), st.booleans(), st.none(), st.just([])
)


def _tensors(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Mostly a user, and random other tensors."""
    tensors: list[dict[str, Any]] = []
    rows = draw(st.integers(1, 3))
    if draw(st.integers(0, 4)):
        users = draw(st.lists(TEXTS, min_size=rows, max_size=rows))
        tensors.append({"name": "user_id", "shape": [rows, 1], "datatype": "BYTES", "data": users})
    for name in draw(st.lists(NAMES, max_size=3)):
        proper = BY_NAME.get(name)
        if proper is not None and draw(st.booleans()):
            of_type = TEXTS if proper.datatype == "BYTES" else VALUES
            data = draw(st.lists(of_type, min_size=rows, max_size=rows))
            shape, datatype = [rows, 1], proper.datatype
        else:
            data = draw(st.lists(VALUES, max_size=4))
            shape, datatype = draw(SHAPES), draw(st.sampled_from(DATATYPES))
        tensors.append({"name": name, "shape": shape, "datatype": datatype, "data": data})
    return tensors


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bodies for HTTP: mostly JSON, and mostly of the right form."""
    if not draw(st.integers(0, 9)):
        return draw(st.binary(max_size=40))
    body: dict[str, Any] = {"inputs": _tensors(draw)}
    if not draw(st.integers(0, 5)):
        body["outputs"] = [{"name": draw(st.sampled_from([*OUTPUTS, "nonsense", ""]))}]
    return json.dumps(body).encode("utf-8", "replace")


@st.composite
def messages(draw: st.DrawFn) -> service_pb2.ModelInferRequest:
    """Messages for gRPC: the same tensors, with arbitrary bytes as contents."""
    message = service_pb2.ModelInferRequest(model_name="recommender")
    for tensor in _tensors(draw):
        # Over HTTP, Triton 2.51 itself exits if shapes in JSON claim terabytes (docs/operating.md).
        tensor["shape"] += [2**40] * (draw(st.integers(0, 9)) == 0)
        added = message.inputs.add()
        added.name, added.datatype = tensor["name"], tensor["datatype"]
        added.shape.extend(each for each in tensor["shape"])
        if tensor["datatype"] == "BYTES" and draw(st.booleans()):
            texts = [str(each).encode("utf-8", "replace") for each in tensor["data"]]
            content = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
        else:
            content = draw(st.binary(max_size=24))
        if draw(st.integers(0, 9)):
            message.raw_input_contents.append(content)
    return message


def _lives(server: Server) -> None:
    with Client(server.address.grpc) as client:
        assert client.recommend(["1"], top_k=3).known_user[0]


def _drawing(examples: int) -> settings:
    """Draw ``examples`` times, without a search for the smallest failure."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def _over_http(server: Server, examples: int) -> None:
    @_drawing(examples)
    @given(st.lists(bodies(), min_size=TOGETHER, max_size=TOGETHER))
    def ask(drawn: list[bytes]) -> None:
        connection = http.client.HTTPConnection(server.address.http, timeout=20)
        for body in drawn:
            connection.request("POST", "/v2/models/recommender/infer", body)
            response = connection.getresponse()
            answer = json.loads(response.read())
            if response.status == 200:
                assert {each["name"] for each in answer["outputs"]} <= set(OUTPUTS), body
            else:
                assert response.status >= 400
                assert answer["error"], body
        connection.close()

    ask()


def _asked(
    stub: Any, message: service_pb2.ModelInferRequest
) -> tuple[grpc.StatusCode | None, str, set[str]]:
    """The error's code, or None if there is none; its message; and the names of the outputs."""
    try:
        answer = stub.ModelInfer(message, timeout=20)
    except grpc.RpcError as error:
        return error.code(), error.details(), set()
    return None, "", {each.name for each in answer.outputs}


def _over_grpc(server: Server, examples: int) -> None:
    channel = grpc.insecure_channel(server.address.grpc)
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)

    @_drawing(examples)
    @given(st.lists(messages(), min_size=TOGETHER, max_size=TOGETHER))
    def ask(drawn: list[service_pb2.ModelInferRequest]) -> None:
        for message in drawn:
            code, details, outputs = _asked(stub, message)
            if code is None:
                assert outputs <= set(OUTPUTS), message
            else:
                assert code not in (UNAVAILABLE, DEADLINE_EXCEEDED), message
                assert details, message

    ask()
    channel.close()


def test_hundreds_of_malformed_requests(server: Server) -> None:
    """Over both protocols, malformed in many ways; afterwards the server answers as before."""
    _over_http(server, 12)
    _over_grpc(server, 12)
    _lives(server)


@pytest.mark.slow
def test_ten_thousand_malformed_requests(server: Server) -> None:
    """The server keeps running, and its memory stays flat: the second half reuses what the first freed."""
    halves = 10_000 // (2 * 2 * TOGETHER)
    _over_http(server, halves)
    _over_grpc(server, halves)
    before = resident_kilobytes(server.process.pid)
    _over_http(server, halves)
    _over_grpc(server, halves)
    assert resident_kilobytes(server.process.pid) < 1.02 * before
    _lives(server)


@pytest.mark.slow
def test_an_hours_requests_do_not_make_it_grow(server: Server) -> None:
    """72,000 requests, an hour at 20 per second: memory grows by less than 2% after the first tenth."""
    with Client(server.address.grpc) as client:

        def ask(first: int, count: int) -> None:
            for number in range(first, first + count):
                users = [str(1 + number % 97)]
                wanted = f"price > 0.{number % 1000:03}" if number % 5 == 0 else None
                seed = number if number % 7 == 0 else None
                warmth = 0.1 if seed else None
                client.recommend(users, filter=wanted, temperature=warmth, seed=seed)

        ask(0, 7_200)
        before = resident_kilobytes(server.process.pid)
        ask(7_200, 64_800)
        assert resident_kilobytes(server.process.pid) < 1.02 * before
