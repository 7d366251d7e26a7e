"""Requests and answers as tensors on the wire, encoded and decoded at both ends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import RequestError
from .lists import padded_lists
from .request import Answers, Batch, Request
from .request_options import BY_NAME, OPTIONS, USER_ID, Option

_DTYPES = {"INT32": np.int32, "INT64": np.int64, "FP32": np.float32, "BOOL": np.bool_}


@dataclass(frozen=True)
class Tensor:
    """An output [B, 1], or [B, n] if ``several``; ``datatype`` is KServe's name."""

    datatype: str
    several: bool = False


OUTPUTS = {
    "item_ids": Tensor("BYTES", several=True),
    "scores": Tensor("FP32", several=True),
    "known_user": Tensor("BOOL"),
    "degraded": Tensor("BOOL"),
    "explanation": Tensor("BYTES"),
}


def inputs_of(batch: Batch) -> dict[str, np.ndarray]:
    """By name, the options that a batch sets: [B, 1], or [B, longest] padded with b"".

    Raises:
        RequestError: an option has no value for some users of the batch, which a tensor cannot express.
    """
    arrays = {}
    for option in OPTIONS:
        values = [getattr(request, option.name) for request in batch]
        if option is USER_ID or any(value != option.default for value in values):
            arrays[option.name] = _array(option, values)
    return arrays


def batch_of(arrays: Mapping[str, np.ndarray]) -> list[Any]:
    """The requests of one call; ``arrays`` as from Triton, strings as bytes objects.

    Raises:
        RequestError: ``user_id`` is missing or empty, bytes are not UTF-8, or features are not a JSON
            object.
    """
    if USER_ID.name not in arrays:
        # Triton only counts the inputs, so it accepts an optional one in its place.
        raise RequestError("expected the input user_id, got none")
    if not len(arrays[USER_ID.name]):
        raise RequestError("expected at least one user_id, got an empty batch")
    names = list(arrays)
    values = zip(*(_values(BY_NAME[name], array) for name, array in arrays.items()), strict=True)
    return [Request(**dict(zip(names, row, strict=True))) for row in values]


def outputs_of(answers: Answers) -> dict[str, np.ndarray]:
    """The outputs by name, contiguous, with the batch first."""
    return {
        "item_ids": np.ascontiguousarray(answers.item_ids),
        "scores": np.ascontiguousarray(answers.scores),
        "known_user": answers.known_user[:, None],
        "degraded": answers.degraded[:, None],
        "explanation": answers.explanation[:, None],
    }


def answers_of(outputs: Mapping[str, np.ndarray]) -> Answers:
    """The inverse of ``outputs_of``, for tensors whose strings are bytes objects."""
    return Answers(
        item_ids=_decoded(outputs["item_ids"]),
        scores=outputs["scores"],
        known_user=outputs["known_user"].reshape(-1),
        degraded=outputs["degraded"].reshape(-1),
        explanation=_decoded(outputs["explanation"]).reshape(-1),
    )


def _decoded(values: np.ndarray) -> np.ndarray:
    texts = np.array([value.decode() for value in values.ravel()], dtype=object)
    return texts.reshape(values.shape)


def _array(option: Option, values: list[Any]) -> np.ndarray:
    if option.several:
        encoded = [[each.encode() for each in value] for value in values]
        return padded_lists(encoded, object, fill=b"")
    if option.datatype != "BYTES":
        if any(value is None for value in values):
            raise RequestError(
                f"expected {option.name} for every user of the batch or for none, got it for some"
            )
        return np.array(values, dtype=_DTYPES[option.datatype])[:, None]
    if option.type == "json":
        values = [json.dumps(value) if value else "" for value in values]
    array = np.empty((len(values), 1), dtype=object)
    array[:, 0] = [value.encode() for value in values]
    return array


def _values(option: Option, array: np.ndarray) -> list[Any]:
    """One value per user."""
    if option.datatype != "BYTES":
        return array.reshape(-1).tolist()
    if option.several:
        return [[item for item in _texts(option.name, row) if item] for row in array]
    texts = _texts(option.name, array)
    return [_object(option, text) for text in texts] if option.type == "json" else texts


def _object(option: Option, text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"expected {option.name} to be a JSON object, got invalid JSON: {error}"
        ) from error
    if not isinstance(value, dict):
        raise RequestError(
            f"expected {option.name} to be a JSON object such as {option.example}, got {text[:100]}"
        )
    return value


def _texts(name: str, values: np.ndarray) -> list[str]:
    try:
        return [
            value.decode("utf-8") if isinstance(value, bytes) else str(value)
            for value in values.reshape(-1).tolist()
        ]
    except UnicodeDecodeError as error:
        raise RequestError(f"expected {name} in UTF-8, got other bytes: {error}") from error
