"""Ask a running server for recommendations, over gRPC or HTTP."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Literal, Self

import numpy as np

from ensemble.triton.config import MODEL_NAME
from runtime.tensors import INPUTS, OUTPUTS, Tensor
from stages.errors import ShortlistError

Protocol = Literal["grpc", "http"]
_DTYPES = {"INT32": np.int32, "INT64": np.int64, "FP32": np.float32, "BOOL": np.bool_}


@dataclass(frozen=True)
class Recommendations:
    """What B users get, k items each at the most.

    Where fewer than k items remain, the tail is the empty string and -inf. Scores descend, unless a
    temperature or a diversity was asked for.
    """

    item_ids: np.ndarray  # object [B, k] (str)
    scores: np.ndarray  # float32 [B, k]
    known_user: np.ndarray  # bool [B]
    #: bool [B]: the server could not reach its feature store, and answered as for an unknown user.
    degraded: np.ndarray
    #: For each user what ``operators.explain.Explain`` says, or None where nothing was asked.
    explanations: list[dict[str, Any] | None]
    #: The release that answered.
    release: str


class Client:
    """A connection to a server.

    Args:
        url: ``host:port`` of the server's gRPC or HTTP endpoint.
        protocol: which of the two.
        timeout: seconds until an unanswered request fails.
    """

    def __init__(self, url: str, protocol: Protocol = "grpc", timeout: float = 30.0) -> None:
        self.url = url
        self.protocol = protocol
        self._timeout = timeout
        self._triton: Any
        if protocol == "grpc":
            from tritonclient import grpc as library

            self._client: Any = library.InferenceServerClient(url)
        elif protocol == "http":
            from tritonclient import http as library

            self._client = library.InferenceServerClient(
                url, connection_timeout=timeout, network_timeout=timeout
            )
        else:
            raise ShortlistError(f"expected protocol 'grpc' or 'http', got {protocol!r}")
        self._triton = library

    def recommend(
        self,
        user_ids: Sequence[str],
        top_k: int | Sequence[int] | None = None,
        exclude_item_ids: Sequence[Sequence[str]] | None = None,
        candidate_item_ids: Sequence[Sequence[str]] | None = None,
        *,
        filter: str | Sequence[str] | None = None,
        user_features: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        temperature: float | Sequence[float] | None = None,
        seed: int | Sequence[int] | None = None,
        diversity: float | Sequence[float] | None = None,
        similar_to: str | Sequence[str] | None = None,
        explain: bool | Sequence[bool] | None = None,
        explain_item_ids: Sequence[Sequence[str]] | None = None,
        request_id: str = "",
    ) -> Recommendations:
        """Recommendations for raw user ids.

        Every option is one value for all users, or one for each; a list of items is always one for each.

        Args:
            user_ids: B raw ids.
            top_k: how many; by default the recipe's number, or all of ``candidate_item_ids``.
            exclude_item_ids: raw item ids to leave out.
            candidate_item_ids: raw item ids to score, seen ones too; where a user has none, the funnel
                finds the candidates.
            filter: a condition on item features, such as ``genres has "Drama" and year >= 1990``.
            user_features: raw user features by name, for whom the store does not know; they go before
                what the store holds.
            temperature: above 0 draws the items with probability ~ exp(score / temperature).
            seed: makes a draw repeatable.
            diversity: 0 to 1, how much likeness to the items above counts against an item.
            similar_to: a raw item id: the items most like it, instead of those for the user.
            explain: say of each answer how it came about.
            explain_item_ids: say of these raw item ids why they are, or are not, among the answers.
            request_id: stands in the server's log beside what it says of this request.

        Raises:
            ShortlistError: no server answers, or it refuses the request (its message is quoted).
        """
        given = {
            "user_id": user_ids,
            "top_k": top_k,
            "exclude_item_ids": exclude_item_ids,
            "candidate_item_ids": candidate_item_ids,
            "filter": filter,
            "user_features": user_features,
            "temperature": temperature,
            "seed": seed,
            "diversity": diversity,
            "similar_to": similar_to,
            "explain": explain,
            "explain_item_ids": explain_item_ids,
        }
        tensors = []
        for name, tensor in INPUTS.items():
            if given[name] is not None:
                values = _array(name, tensor, given[name], len(user_ids))
                if values.size or name == "user_id":
                    tensors.append(
                        self._triton.InferInput(name, list(values.shape), tensor.datatype)
                    )
                    tensors[-1].set_data_from_numpy(values)
        answer = self._infer(tensors, request_id)
        found = {name: answer.as_numpy(name) for name in OUTPUTS}
        texts = np.array([each.decode() for each in found["item_ids"].ravel()], dtype=object)
        stories = [each.decode() for each in found["explanation"].ravel()]
        return Recommendations(
            item_ids=texts.reshape(found["item_ids"].shape),
            scores=found["scores"],
            known_user=found["known_user"].reshape(-1),
            degraded=found["degraded"].reshape(-1),
            explanations=[json.loads(each) if each else None for each in stories],
            release=self._release(answer),
        )

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _release(self, answer: Any) -> str:
        response = answer.get_response()
        version = response.model_version if self.protocol == "grpc" else response["model_version"]
        return str(version)

    def _infer(self, tensors: list[Any], request_id: str) -> Any:
        from tritonclient.utils import InferenceServerException

        outputs = [self._triton.InferRequestedOutput(name) for name in OUTPUTS]
        options = {"client_timeout": self._timeout} if self.protocol == "grpc" else {}
        try:
            return self._client.infer(
                MODEL_NAME, tensors, outputs=outputs, request_id=request_id, **options
            )
        except InferenceServerException as error:
            if "UNAVAILABLE" in str(error.status() or "") and "connect" in str(error.message()):
                raise self._unreachable(error) from error
            raise ShortlistError(f"the server refused the request: {error.message()}") from error
        except (OSError, EOFError, HTTPException) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> ShortlistError:
        return ShortlistError(
            f"no server answers at {self.url} over {self.protocol} ({error}). "
            "`shortlist serve RECIPE` starts one."
        )


def _array(name: str, tensor: Tensor, given: Any, users: int) -> np.ndarray:
    """The input as an array [B, 1], or [B, longest] padded with empty strings."""
    if tensor.several:
        longest = max(map(len, given), default=0)
        rows = [[*each, *[""] * (longest - len(each))] for each in given]
    else:
        alone = isinstance(given, str | int | float | Mapping)
        rows = [[each] for each in ([given] * users if alone else given)]
        longest = 1
    if tensor.datatype != "BYTES":
        return np.array(rows, dtype=_DTYPES[tensor.datatype]).reshape(len(rows), 1)
    if name == "user_features":
        rows = [[json.dumps(each) if each else ""] for (each,) in rows]
    array = np.empty((len(rows), longest), dtype=object)
    for row, values in zip(array, rows, strict=True):
        row[:] = [value.encode() for value in values]
    return array
