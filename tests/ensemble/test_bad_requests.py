"""Requests that the client would never send: the server returns a clear error and keeps running."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from ensemble.triton.client import Client, Protocol
from ensemble.triton.server import Server

LIBRARIES: dict[str, Any] = {"grpc": tritonclient.grpc, "http": tritonclient.http}


@pytest.fixture(autouse=True)
def _alive(server: Server) -> Iterator[None]:
    """After every bad request, both instances answer good ones."""
    yield
    with Client(server.address.grpc) as client:
        for _ in range(4):
            assert client.recommend(["1"]).known_user.tolist() == [True]


def _send(server: Server, protocol: Protocol, **tensors: np.ndarray) -> Any:
    library = LIBRARIES[protocol]
    datatypes = {"object": "BYTES", "int32": "INT32", "int64": "INT64", "float32": "FP32"}
    inputs = []
    for name, values in tensors.items():
        tensor = library.InferInput(name, list(values.shape), datatypes[values.dtype.name])
        tensor.set_data_from_numpy(values)
        inputs.append(tensor)
    client = library.InferenceServerClient(getattr(server.address, protocol))
    try:
        return client.infer("recommender", inputs)
    finally:
        client.close()


def _ids(*rows: list[Any]) -> np.ndarray:
    return np.array(rows, dtype=object)


ONE = _ids([b"1"])


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"user_id": np.array([[1]], np.int64)}, "user_id.*(INT64|BYTES|STRING)"),
        ({"user_id": ONE, "top_k": np.array([[5]], np.int64)}, "top_k.*INT"),
        ({"user_id": ONE, "top_k": np.array([[5]], np.float32)}, "top_k.*FP32"),
        ({"user_id": ONE, "exclude_item_ids": np.array([[5]], np.int32)}, "exclude_item_ids"),
        ({"user_id": np.array([b"1"], dtype=object)}, "user_id"),
        ({"user_id": _ids([b"1", b"2"])}, "user_id"),
        ({"user_id": _ids([[b"1"]])}, "user_id"),
        ({"user_id": ONE, "top_k": np.array([[5], [5]], np.int32)}, "top_k|batch"),
        ({"user_id": ONE, "top_k": np.array([[5, 5]], np.int32)}, "top_k"),
        ({"top_k": np.array([[5]], np.int32)}, "user_id|inputs"),
        ({"user_id": ONE, "shoe_size": np.array([[5]], np.int32)}, "shoe_size|inputs"),
        ({"user_id": _ids([b"1"], [b"\xff\xfe"])}, "user_id in UTF-8"),
        ({"user_id": ONE, "exclude_item_ids": _ids([b"\xff"])}, "exclude_item_ids in UTF-8"),
    ],
)
def test_a_wrong_tensor_is_refused(
    server: Server, protocol: Protocol, tensors: dict[str, np.ndarray], message: str
) -> None:
    """Wrong type, shape, name or bytes: the error names the input."""
    with pytest.raises(InferenceServerException, match=message):
        _send(server, protocol, **tensors)


def test_an_empty_batch_of_tensors_is_refused(server: Server, protocol: Protocol) -> None:
    """A first dimension of 0 is not a request."""
    with pytest.raises(InferenceServerException):
        _send(server, protocol, user_id=np.empty((0, 1), dtype=object))


def test_no_items_to_exclude_is_no_error(server: Server, protocol: Protocol) -> None:
    """A matrix of width 1 that holds nothing excludes nothing."""
    answer = _send(server, protocol, user_id=ONE, exclude_item_ids=_ids([b""]))
    assert answer.as_numpy("item_ids").shape == (1, 5)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xff\xff\xff1",  # claims that four gigabytes follow
        b"\x02\x00\x00\x001",  # claims that two bytes follow; one does
        b"\x01\x00\x00\x0012345",  # more than it claims
        b"\x01\x00",  # not even a complete length
        b"",
    ],
)
def test_a_string_that_lies_about_its_length_is_refused(server: Server, content: bytes) -> None:
    """Broken string tensors over gRPC are caught before they reach the model."""
    import grpc

    request = service_pb2.ModelInferRequest(model_name="recommender")
    tensor = request.inputs.add(name="user_id", datatype="BYTES")
    tensor.shape.extend([1, 1])
    request.raw_input_contents.append(content)
    with grpc.insecure_channel(server.address.grpc) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(request, timeout=20)
    assert refused.value.details()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"inputs": 5}',
        b'{"inputs": [{"name": "user_id"}]}',
        b'{"inputs": [{"name": "user_id", "shape": [1, 1], "datatype": "BYTES", "data": [5]}]}',
        b'{"inputs": [{"name": "user_id", "shape": [1, -1], "datatype": "BYTES", "data": ["1"]}]}',
        b'{"inputs": [{"name": "user_id", "shape": [9, 1], "datatype": "BYTES", "data": ["1"]}]}',
        b'{"inputs": [{"name": "user_id", "shape": [1, 1], "datatype": "NONE", "data": ["1"]}]}',
        b"\x00\xff" * 1000,
    ],
)
def test_a_body_that_is_no_request_is_refused(server: Server, body: bytes) -> None:
    """Malformed JSON over HTTP gets an error status and an error text."""
    connection = http.client.HTTPConnection(server.address.http, timeout=20)
    connection.request("POST", "/v2/models/recommender/infer", body)
    response = connection.getresponse()
    assert response.status >= 400
    assert json.loads(response.read())["error"]
    connection.close()


def test_plain_json_is_answered(server: Server) -> None:
    """No client library is needed: a JSON body gets a JSON answer."""
    body = {
        "inputs": [
            {"name": "user_id", "shape": [2, 1], "datatype": "BYTES", "data": ["1", "nobody"]},
            {"name": "top_k", "shape": [2, 1], "datatype": "INT32", "data": [2, 2]},
        ]
    }
    connection = http.client.HTTPConnection(server.address.http, timeout=20)
    connection.request("POST", "/v2/models/recommender/infer", json.dumps(body))
    response = connection.getresponse()
    outputs = {each["name"]: each for each in json.loads(response.read())["outputs"]}
    assert outputs["item_ids"]["shape"] == [2, 2]
    assert outputs["known_user"]["data"] == [True, False]
    connection.close()
