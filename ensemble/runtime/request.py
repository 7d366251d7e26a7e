"""What a client asks and what it gets, as NumPy arrays, checked before any work."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import RequestError


@dataclass(frozen=True)
class Request:
    """One request: B users, each with a number of answers and items to leave out."""

    user_ids: list[str]
    top_k: list[int]
    exclude_item_ids: list[list[str]]

    @classmethod
    def of(
        cls,
        user_ids: Sequence[str],
        top_k: int | Sequence[int],
        exclude_item_ids: Sequence[Sequence[str]] | None,
        limit: int,
    ) -> "Request":
        """Check and complete a request; ``limit`` is the largest ``top_k`` that can be answered.

        Raises:
            RequestError: no user, ``top_k`` out of 1..``limit``, or lengths that differ.
        """
        users = len(user_ids)
        if users == 0:
            raise RequestError("expected at least one user_id, got an empty batch")
        wanted = [int(top_k)] * users if isinstance(top_k, int) else [int(each) for each in top_k]
        excluded = [list(each) for each in exclude_item_ids] if exclude_item_ids else [[]] * users
        for name, given in (("top_k", wanted), ("exclude_item_ids", excluded)):
            if len(given) != users:
                raise RequestError(
                    f"expected {name} for each of {users} users, got {len(given)} rows"
                )
        for each in wanted:
            if not 1 <= each <= limit:
                raise RequestError(f"expected top_k from 1 to {limit}, got {each}")
        return cls(list(user_ids), wanted, excluded)

    @classmethod
    def from_tensors(
        cls,
        user_id: np.ndarray | None,
        top_k: np.ndarray | None,
        exclude_item_ids: np.ndarray | None,
        default_top_k: int,
        limit: int,
    ) -> "Request":
        """A request as Triton hands it over.

        ``user_id`` is bytes [B, 1], ``top_k`` int32 [B, 1] or None,
        ``exclude_item_ids`` bytes [B, E] or None, padded with empty strings.

        Raises:
            RequestError: as ``of``, and for bytes that are not UTF-8.
        """
        if user_id is None:
            # Triton counts the inputs, so an optional one may stand in for it.
            raise RequestError("expected the input user_id, got none")
        return cls.of(
            _texts("user_id", user_id),
            default_top_k if top_k is None else top_k.reshape(-1).tolist(),
            None
            if exclude_item_ids is None
            else [
                [item for item in _texts("exclude_item_ids", row) if item]
                for row in exclude_item_ids
            ],
            limit,
        )

    def columns(self) -> dict[str, np.ndarray]:
        """The graph's root columns: ``user_id`` [B], ``top_k`` [B], ``exclude_item_ids`` [B, E]."""
        user_ids = np.empty(len(self.user_ids), dtype=object)
        user_ids[:] = self.user_ids
        width = max(map(len, self.exclude_item_ids))
        excluded = np.full((len(user_ids), width), None, dtype=object)
        for row, items in zip(excluded, self.exclude_item_ids, strict=True):
            row[: len(items)] = items
        return {
            "user_id": user_ids,
            "top_k": np.array(self.top_k, dtype=np.int64),
            "exclude_item_ids": excluded,
        }


def together(requests: Sequence[Request]) -> Request:
    """One request that asks all of them at once."""
    return Request(
        [user for each in requests for user in each.user_ids],
        [top_k for each in requests for top_k in each.top_k],
        [items for each in requests for items in each.exclude_item_ids],
    )


@dataclass(frozen=True)
class Answers:
    """``item_ids`` object [B, K], ``scores`` float32 [B, K], ``known_user`` bool [B].

    K is the largest ``top_k`` of the request. Where a user has fewer answers, the tail is the empty
    string and -inf.
    """

    item_ids: np.ndarray
    scores: np.ndarray
    known_user: np.ndarray


def _texts(name: str, values: np.ndarray) -> list[str]:
    try:
        return [
            value.decode("utf-8") if isinstance(value, bytes) else str(value)
            for value in values.reshape(-1).tolist()
        ]
    except UnicodeDecodeError as error:
        raise RequestError(f"expected {name} as UTF-8, got bytes that are not: {error}") from error
