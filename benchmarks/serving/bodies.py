"""Requests for one user each in wire format, and the decoding of answers."""

import json
from collections.abc import Sequence

import numpy as np
from tritonclient.grpc import service_pb2
from tritonclient.utils import deserialize_bytes_tensor

#: The outputs requested from our server.
OUTPUTS = ("item_ids", "scores")


def grpc_bodies(model: str, user_ids: Sequence[str]) -> list[bytes]:
    """``user_id`` as text, one request per user."""
    return [_grpc(model, "user_id", "BYTES", [1, 1], _text(each), OUTPUTS) for each in user_ids]


def grpc_row_bodies(model: str, rows: int) -> list[bytes]:
    """``user_row`` as a number, one request per row."""
    numbers = (np.int64(row).tobytes() for row in range(rows))
    return [_grpc(model, "user_row", "INT64", [1], number, ()) for number in numbers]


def http_bodies(user_ids: Sequence[str]) -> list[bytes]:
    """The same as ``grpc_bodies``, in JSON."""
    return [
        json.dumps(
            {
                "inputs": [
                    {"name": "user_id", "shape": [1, 1], "datatype": "BYTES", "data": [user_id]}
                ],
                "outputs": [{"name": name} for name in OUTPUTS],
            }
        ).encode()
        for user_id in user_ids
    ]


def grpc_answer(answer: bytes) -> tuple[list[str], np.ndarray]:
    """Item ids and scores of one user."""
    message = service_pb2.ModelInferResponse.FromString(answer)
    names = [output.name for output in message.outputs]
    texts, scores = (message.raw_output_contents[names.index(name)] for name in OUTPUTS)
    item_ids = deserialize_bytes_tensor(texts)
    return [each.decode() for each in item_ids], np.frombuffer(scores, np.float32)


def http_answer(answer: bytes) -> tuple[list[str], np.ndarray]:
    """Item ids and scores of one user."""
    outputs = {each["name"]: each["data"] for each in json.loads(answer)["outputs"]}
    item_ids, scores = (outputs[name] for name in OUTPUTS)
    return item_ids, np.array(scores, np.float32)


def _grpc(
    model: str, name: str, datatype: str, shape: list[int], value: bytes, outputs: Sequence[str]
) -> bytes:
    message = service_pb2.ModelInferRequest(model_name=model)
    message.inputs.add(name=name, datatype=datatype, shape=shape)
    message.raw_input_contents.append(value)
    for output in outputs:
        message.outputs.add(name=output)
    return message.SerializeToString()


def _text(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(4, "little") + encoded
