"""What a client asks and what it gets, as NumPy arrays, checked before any work."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import RequestError


@dataclass(frozen=True)
class Request:
    """One request: B users, each with a number of answers, items to leave out, and items to score.

    Where ``candidate_item_ids`` of a user is empty, the funnel finds the candidates.
    """

    user_ids: list[str]
    top_k: list[int]
    exclude_item_ids: list[list[str]]
    candidate_item_ids: list[list[str]]

    @classmethod
    def of(
        cls,
        user_ids: Sequence[str],
        top_k: int | Sequence[int] | None,
        exclude_item_ids: Sequence[Sequence[str]] | None,
        candidate_item_ids: Sequence[Sequence[str]] | None,
        default_top_k: int,
        limit: int,
    ) -> "Request":
        """Check and complete a request.

        ``limit`` is the largest ``top_k``, and the most candidates of a user, that can be answered.
        Without ``top_k`` every candidate that the request names is answered, else ``default_top_k``.

        Raises:
            RequestError: no user, ``top_k`` out of 1..``limit``, too many candidates, or lengths
                that differ.
        """
        users = len(user_ids)
        if users == 0:
            raise RequestError("expected at least one user_id, got an empty batch")
        excluded = [list(each) for each in exclude_item_ids or [()] * users]
        given = [list(each) for each in candidate_item_ids or [()] * users]
        if top_k is None:
            wanted = [len(each) or default_top_k for each in given]
        else:
            wanted = (
                [int(top_k)] * users if isinstance(top_k, int) else [int(each) for each in top_k]
            )
        for name, rows in (
            ("exclude_item_ids", excluded),
            ("candidate_item_ids", given),
            ("top_k", wanted),
        ):
            if len(rows) != users:
                raise RequestError(
                    f"expected {name} for each of {users} users, got {len(rows)} rows"
                )
        for items in given:
            if len(items) > limit:
                raise RequestError(
                    f"expected at most {limit} candidate_item_ids a user, got {len(items)}"
                )
        for each in wanted:
            if not 1 <= each <= limit:
                raise RequestError(f"expected top_k from 1 to {limit}, got {each}")
        return cls(list(user_ids), wanted, excluded, given)

    @classmethod
    def from_tensors(
        cls,
        user_id: np.ndarray | None,
        top_k: np.ndarray | None,
        exclude_item_ids: np.ndarray | None,
        candidate_item_ids: np.ndarray | None,
        default_top_k: int,
        limit: int,
    ) -> "Request":
        """A request as Triton hands it over.

        ``user_id`` is bytes [B, 1], ``top_k`` int32 [B, 1] or None, ``exclude_item_ids`` and
        ``candidate_item_ids`` bytes [B, E] or None, padded with empty strings.

        Raises:
            RequestError: as ``of``, and for bytes that are not UTF-8.
        """
        if user_id is None:
            # Triton counts the inputs, so an optional one may stand in for it.
            raise RequestError("expected the input user_id, got none")
        return cls.of(
            _texts("user_id", user_id),
            None if top_k is None else top_k.reshape(-1).tolist(),
            _lists("exclude_item_ids", exclude_item_ids),
            _lists("candidate_item_ids", candidate_item_ids),
            default_top_k,
            limit,
        )

    def columns(self) -> dict[str, np.ndarray]:
        """The graph's root columns: ``user_id``, ``top_k`` [B]; the lists [B, longest], padded with None."""
        user_ids = np.empty(len(self.user_ids), dtype=object)
        user_ids[:] = self.user_ids
        return {
            "user_id": user_ids,
            "top_k": np.array(self.top_k, dtype=np.int64),
            "exclude_item_ids": _padded(self.exclude_item_ids),
            "candidate_item_ids": _padded(self.candidate_item_ids),
        }


def together(requests: Sequence[Request]) -> Request:
    """One request that asks all of them at once."""
    return Request(
        [user for each in requests for user in each.user_ids],
        [top_k for each in requests for top_k in each.top_k],
        [items for each in requests for items in each.exclude_item_ids],
        [items for each in requests for items in each.candidate_item_ids],
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


def _padded(lists: list[list[str]]) -> np.ndarray:
    array = np.full((len(lists), max(map(len, lists))), None, dtype=object)
    for row, items in zip(array, lists, strict=True):
        row[: len(items)] = items
    return array


def _lists(name: str, values: np.ndarray | None) -> list[list[str]] | None:
    if values is None:
        return None
    return [[item for item in _texts(name, row) if item] for row in values]


def _texts(name: str, values: np.ndarray) -> list[str]:
    try:
        return [
            value.decode("utf-8") if isinstance(value, bytes) else str(value)
            for value in values.reshape(-1).tolist()
        ]
    except UnicodeDecodeError as error:
        raise RequestError(f"expected {name} as UTF-8, got bytes that are not: {error}") from error
