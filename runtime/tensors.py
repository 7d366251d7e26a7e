"""Requests and answers as the tensors that go over the wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import RequestError
from .request import Answers, Question


@dataclass(frozen=True)
class Tensor:
    """An input or output [B, 1], or [B, n] for a ``several``; ``datatype`` as KServe names it."""

    datatype: str
    several: bool = False


#: All but ``user_id`` may be left out. ``user_features`` is a JSON object; an empty string pads a list.
INPUTS = {
    "user_id": Tensor("BYTES"),
    "top_k": Tensor("INT32"),
    "exclude_item_ids": Tensor("BYTES", several=True),
    "candidate_item_ids": Tensor("BYTES", several=True),
    "filter": Tensor("BYTES"),
    "user_features": Tensor("BYTES"),
    "temperature": Tensor("FP32"),
    "seed": Tensor("INT64"),
    "diversity": Tensor("FP32"),
    "similar_to": Tensor("BYTES"),
    "explain": Tensor("BOOL"),
    "explain_item_ids": Tensor("BYTES", several=True),
}
OUTPUTS = {
    "item_ids": Tensor("BYTES", several=True),
    "scores": Tensor("FP32", several=True),
    "known_user": Tensor("BOOL"),
    "degraded": Tensor("BOOL"),
    "explanation": Tensor("BYTES"),
}


def read(arrays: Mapping[str, np.ndarray]) -> list[Question]:
    """The questions of one request; ``arrays`` as Triton hands them over, strings as bytes objects.

    Raises:
        RequestError: no ``user_id`` or none in it, bytes that are not UTF-8, features that are no
            JSON object.
    """
    if "user_id" not in arrays:
        # Triton counts the inputs, so an optional one may stand in for it.
        raise RequestError("expected the input user_id, got none")
    if not len(arrays["user_id"]):
        raise RequestError("expected at least one user_id, got an empty batch")
    names = list(arrays)
    values = zip(*(_values(name, array) for name, array in arrays.items()), strict=True)
    return [Question(**dict(zip(names, row, strict=True))) for row in values]


def written(answers: Answers) -> dict[str, np.ndarray]:
    """The outputs by name, contiguous, with the batch first."""
    return {
        "item_ids": np.ascontiguousarray(answers.item_ids),
        "scores": np.ascontiguousarray(answers.scores),
        "known_user": answers.known_user[:, None],
        "degraded": answers.degraded[:, None],
        "explanation": answers.explanation[:, None],
    }


def _values(name: str, array: np.ndarray) -> list[Any]:
    """One value a user."""
    tensor = INPUTS[name]
    if tensor.datatype != "BYTES":
        return array.reshape(-1).tolist()
    if tensor.several:
        return [[item for item in _texts(name, row) if item] for row in array]
    texts = _texts(name, array)
    return [_features(text) for text in texts] if name == "user_features" else texts


def _features(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        features = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"expected user_features as a JSON object: {error}") from error
    if not isinstance(features, dict):
        raise RequestError(
            f'expected user_features as a JSON object such as {{"age": 30}}, got {text[:100]}'
        )
    return features


def _texts(name: str, values: np.ndarray) -> list[str]:
    try:
        return [
            value.decode("utf-8") if isinstance(value, bytes) else str(value)
            for value in values.reshape(-1).tolist()
        ]
    except UnicodeDecodeError as error:
        raise RequestError(f"expected {name} as UTF-8, got bytes that are not: {error}") from error
