"""Has a running Triton load another release, and queries which release answers what.

Both use gRPC: a load over HTTP would block one of Triton's HTTP threads, and with it the requests of
all connections that this thread serves, until the release is loaded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemble.triton.config import MODEL_NAME
from stages.errors import ShortlistError

#: The name of the header with the server's key, as in Triton's options.
KEY = "shortlist-key"
ANSWERED_WITHIN_SECONDS = 30.0
LOADED_WITHIN_SECONDS = 1800.0


@dataclass(frozen=True)
class Answer:
    """The answer for one user, best item first, and the release that it is from."""

    version: int
    item_ids: list[str]
    scores: list[float]


def load(url: str, key: str) -> None:
    """Have the server at ``url`` (gRPC) load the release that its configuration names, and wait for it.

    Triton loads the new release beside the old one, warms it up, and only then sends it requests;
    the old one finishes those that it has. If the new one does not load, the old one stays.

    Raises:
        ShortlistError: it does not load, or the server does not answer; quotes Triton.
    """
    with _connection(url) as client:
        client.load_model(
            MODEL_NAME,
            headers={f"triton-grpc-protocol-{KEY}": key},
            client_timeout=LOADED_WITHIN_SECONDS,
        )


def ask(url: str, user_id: str) -> Answer:
    """The server's answer for a raw user id, with the recipe's number of items.

    It uses only the inputs and outputs that releases of every version have.

    Raises:
        ShortlistError: the server refuses, or does not answer; quotes Triton.
    """
    with _connection(url) as client:
        from tritonclient.grpc import InferInput, InferRequestedOutput

        user = InferInput("user_id", [1, 1], "BYTES")
        user.set_data_from_numpy(np.array([[user_id.encode()]], dtype=object))
        outputs = [InferRequestedOutput(name) for name in ("item_ids", "scores")]
        answer = client.infer(
            MODEL_NAME, [user], outputs=outputs, client_timeout=ANSWERED_WITHIN_SECONDS
        )
        return Answer(
            int(answer.get_response().model_version),
            [item.decode() for item in answer.as_numpy("item_ids")[0]],
            answer.as_numpy("scores")[0].tolist(),
        )


@contextmanager
def _connection(url: str) -> Iterator[Any]:
    from tritonclient.grpc import InferenceServerClient
    from tritonclient.utils import InferenceServerException

    # A proxy from the environment must not handle requests to this machine itself.
    client = InferenceServerClient(url, channel_args=[("grpc.enable_http_proxy", 0)])
    try:
        yield client
    except InferenceServerException as error:
        # A model's exception includes the lines of its traceback.
        message = str(error.message()).split("\n\nAt:")[0]
        raise ShortlistError(f"expected Triton at {url} to answer, got: {message}") from error
    finally:
        client.close()
