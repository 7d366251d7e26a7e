"""Requests, which are checked before any work, and answers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from typing import Any

import numpy as np

from .did_you_mean import did_you_mean
from .errors import RequestError
from .features.numeric import overflows
from .lists import padded_lists
from .request_options import BY_NAME, OPTIONS, USER_ID, Option


def _field(option: Option) -> Any:
    if option is USER_ID:
        return field()
    if isinstance(option.default, dict):
        return field(default_factory=dict)
    return field(default=option.default)


#: A request for one user; its fields are ``request_options.OPTIONS``.
Request: Any = make_dataclass(
    "Request", [(option.name, Any, _field(option)) for option in OPTIONS], frozen=True
)
#: Requests that are answered together.
Batch = Sequence[Any]


@dataclass(frozen=True)
class Limits:
    """What a release can answer."""

    #: The number of items if the request does not give one.
    top_k: int
    #: The largest ``top_k``, and the most candidates that a request may name.
    candidates: int
    #: Raw user columns that the models read.
    user_features: Sequence[str]
    #: Whether the release has an index of item embeddings.
    retrieves: bool

    def check(self, request: Any) -> None:
        """Raise ``RequestError``, with what was expected and got, if a request cannot be answered."""
        for option in OPTIONS:
            value = getattr(request, option.name)
            if value == option.default:
                continue
            self._check_bounds(option, value)
            if option.needs_retriever and not self.retrieves:
                raise RequestError(
                    f"expected a release with item embeddings, which {option.name} compares, got one "
                    f"whose recipe has no retriever; leave {option.name} out"
                )
        for name, value in request.user_features.items():
            if overflows(value):
                raise RequestError(
                    f"expected finite numbers of at most 3.4e38 in user_features, got {name!r}: {value!r}"
                )
            if name not in self.user_features:
                raise RequestError(
                    f"expected user_features among {list(self.user_features)}, which the models read, got "
                    f"{name!r}{did_you_mean(name, self.user_features)}"
                )

    def width(self, request: Any) -> int:
        """The largest number of items that the request can get."""
        return request.top_k or len(request.candidate_item_ids) or self.top_k

    def _check_bounds(self, option: Option, value: Any) -> None:
        most = getattr(self, option.most) if isinstance(option.most, str) else option.most
        if option.several:
            if most is not None and len(value) > most:
                raise RequestError(
                    f"expected at most {most} {option.name} per user, got {len(value)}"
                )
            return
        if option.type not in ("int32", "int64", "float"):
            return
        below = option.least is not None and value < option.least
        above = most is not None and value > most
        if below or above or not math.isfinite(value):
            limits = (
                f"of {option.least} or more" if most is None else f"from {option.least} to {most}"
            )
            raise RequestError(f"expected {option.name} {limits}, got {value}")


def batch_for(users: Any, **options: Any) -> Batch:
    """The batch of a ``Request``, of several, or of user ids with ``options`` (see ``requests_for``).

    Raises:
        RequestError: options were given in addition to requests, or as for ``requests_for``.
    """
    given = [users] if isinstance(users, Request) else list(users)
    if not given or not isinstance(given[0], Request):
        return requests_for(given, **options)
    if options:
        raise RequestError(
            f"expected the options in each Request, got the keywords {[*options]} as well"
        )
    return given


def requests_for(user_ids: Sequence[str], **options: Any) -> list[Any]:
    """A request for each user; an option is None, one value for all users, or one value per user.

    A list option (``exclude_item_ids``, …) is always one list per user.

    Raises:
        RequestError: no user, an unknown option, or an option for another number of users.
    """
    if len(user_ids) == 0:
        raise RequestError("expected at least one user_id, got an empty batch")
    columns: dict[str, Iterable[Any]] = {"user_id": user_ids}
    for name, value in options.items():
        if name not in BY_NAME:
            raise RequestError(
                f"expected options among {', '.join(BY_NAME)}, got {name!r}{did_you_mean(name, BY_NAME)}"
            )
        if value is None:
            continue
        if isinstance(value, str | int | float | Mapping):
            value = [value] * len(user_ids)
        if len(value) != len(user_ids):
            raise RequestError(
                f"expected one {name} for each of {len(user_ids)} users, got {len(value)}"
            )
        if BY_NAME[name].several and isinstance(value[0], str):
            raise RequestError(
                f"expected a list of {name} for each user, got {value[0]!r} for the first; write [[...]]"
            )
        columns[name] = value
    return [
        Request(**dict(zip(columns, row, strict=True)))
        for row in zip(*columns.values(), strict=True)
    ]


def columns(batch: Batch, limits: Limits) -> dict[str, np.ndarray]:
    """The graph's root columns: an array [B] per option, or [B, longest] padded with None for lists."""
    made = {
        option.name: _column(option, [getattr(request, option.name) for request in batch])
        for option in OPTIONS
    }
    made["top_k"] = np.array([limits.width(request) for request in batch], dtype=np.int64)
    return made


def _column(option: Option, values: list[Any]) -> np.ndarray:
    if option.several:
        return padded_lists(values, object, fill=None)
    if option.type == "float":
        return np.array(values, dtype=np.float32)
    if option.type == "bool":
        return np.array(values, dtype=bool)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@dataclass(frozen=True)
class Answers:
    """The answers for B users; K is the largest number of items among them.

    If a user has fewer, the tail is the empty string and -inf.
    """

    item_ids: np.ndarray  # object [B, K]
    scores: np.ndarray  # float32 [B, K]
    known_user: np.ndarray  # bool [B]
    #: bool [B]: the feature store failed, and the user was answered as an unknown one.
    degraded: np.ndarray
    #: object [B]: JSON (see ``operators.explain``), or the empty string if none was requested.
    explanation: np.ndarray
