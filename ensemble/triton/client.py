"""Get recommendations from a running server, over gRPC or HTTP."""

from collections.abc import Sequence
from http.client import HTTPException
from typing import Any, Literal, Self

import numpy as np

from ensemble.recommendations import Recommendations
from ensemble.triton.config import MODEL_NAME
from runtime.errors import RequestError
from runtime.request import Request, batch_for
from runtime.request_options import BY_NAME, OPTIONS, USER_ID
from runtime.tensors import OUTPUTS, answers_of, inputs_of
from stages.errors import ShortlistError

Protocol = Literal["grpc", "http"]


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
        users: Sequence[str] | Request | Sequence[Request],
        *,
        request_id: str = "",
        **options: Any,
    ) -> Recommendations:
        """Recommendations for raw user ids, or for requests.

        Args:
            users: B raw ids, with options as keywords; or one ``Request``, or B of them.
            request_id: appears in the server's log lines about this call.
            options: one value for all users or one per user; a list option always needs one list per user.

        Raises:
            ShortlistError: no server answers, or the client or the server refuses the request.
        """
        try:
            answer = self._infer(inputs_of(batch_for(users, **options)), request_id)
        except RequestError as error:
            raise ShortlistError(str(error)) from error
        found = {name: answer.as_numpy(name) for name in OUTPUTS}
        return Recommendations.of(answers_of(found), self._release(answer))

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

    def _infer(self, arrays: dict[str, np.ndarray], request_id: str) -> Any:
        from tritonclient.utils import InferenceServerException

        tensors = []
        for name, array in arrays.items():
            if array.size or name == USER_ID.name:
                tensors.append(
                    self._triton.InferInput(name, list(array.shape), BY_NAME[name].datatype)
                )
                tensors[-1].set_data_from_numpy(array)
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
            f"expected a server at {self.url} over {self.protocol}, got: {error}. "
            "Start one with `shortlist serve RECIPE`."
        )


def _documented(text: str) -> str:
    """The docstring of ``recommend`` with one line per option."""
    lines = "".join(
        f"\n            {one.name}: {one.doc}." for one in OPTIONS if one is not USER_ID
    )
    mark = "a list option always needs one list per user.\n"
    return text.replace(mark, f"{mark.rstrip()}{lines}\n")


Client.recommend.__doc__ = _documented(Client.recommend.__doc__ or "")
