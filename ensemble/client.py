"""Ask a running server for recommendations, over gRPC or HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from ensemble.triton_config import MODEL_NAME
from recipes.errors import ShortlistError

Protocol = Literal["grpc", "http"]
OUTPUTS = ("item_ids", "scores", "known_user")


@dataclass(frozen=True)
class Recommendations:
    """``item_ids`` object [B, k] (str), ``scores`` float32 [B, k], ``known_user`` bool [B].

    Scores descend. Where fewer than k items remain, the tail is the empty string and -inf.
    """

    item_ids: np.ndarray
    scores: np.ndarray
    known_user: np.ndarray


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
    ) -> Recommendations:
        """Recommendations for raw user ids.

        Args:
            user_ids: B raw ids.
            top_k: how many, for all or for each user; by default the recipe's, or all candidates.
            exclude_item_ids: raw item ids to leave out, for each user.
            candidate_item_ids: raw item ids to score, for each user, seen ones too; where a user has
                none, the funnel finds the candidates.

        Raises:
            ShortlistError: no server answers, or it refuses the request (its message is quoted).
        """
        users = len(user_ids)
        tensors = [self._tensor("user_id", _bytes([[user] for user in user_ids], 1), "BYTES")]
        if top_k is not None:
            wanted = np.broadcast_to(np.asarray(top_k, dtype=np.int32).reshape(-1, 1), (users, 1))
            tensors.append(self._tensor("top_k", np.ascontiguousarray(wanted), "INT32"))
        for name, items in (
            ("exclude_item_ids", exclude_item_ids),
            ("candidate_item_ids", candidate_item_ids),
        ):
            width = max(map(len, items), default=0) if items is not None else 0
            if items is not None and width:
                padded = [[*each, *[""] * (width - len(each))] for each in items]
                tensors.append(self._tensor(name, _bytes(padded, width), "BYTES"))
        answer = self._infer(tensors)
        item_ids, scores, known = (answer.as_numpy(name) for name in OUTPUTS)
        texts = np.array([each.decode() for each in item_ids.ravel()], dtype=object)
        return Recommendations(texts.reshape(item_ids.shape), scores, known.reshape(-1))

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tensor(self, name: str, values: np.ndarray, datatype: str) -> Any:
        tensor = self._triton.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values)
        return tensor

    def _infer(self, tensors: list[Any]) -> Any:
        from tritonclient.utils import InferenceServerException

        outputs = [self._triton.InferRequestedOutput(name) for name in OUTPUTS]
        options = {"client_timeout": self._timeout} if self.protocol == "grpc" else {}
        try:
            return self._client.infer(MODEL_NAME, tensors, outputs=outputs, **options)
        except InferenceServerException as error:
            if "UNAVAILABLE" in str(error.status() or "") and "connect" in str(error.message()):
                raise self._unreachable(error) from error
            raise ShortlistError(f"the server refused the request: {error.message()}") from error
        except (OSError, EOFError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> ShortlistError:
        return ShortlistError(
            f"no server answers at {self.url} over {self.protocol} ({error}). "
            "`shortlist serve RECIPE` starts one."
        )


def _bytes(rows: Sequence[Sequence[str]], width: int) -> np.ndarray:
    array = np.empty((len(rows), width), dtype=object)
    for row, values in zip(array, rows, strict=True):
        row[:] = [value.encode() for value in values]
    return array
