"""What a client asks and what it gets, checked before any work."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from .did_you_mean import nearest
from .errors import RequestError


@dataclass(frozen=True)
class Question:
    """What is asked for one user. The defaults ask for nothing beyond the recipe's own answer."""

    user_id: str
    #: How many items; None: the release's number, or every item of ``candidate_item_ids``.
    top_k: int | None = None
    #: Raw item ids that must not be shown.
    exclude_item_ids: Sequence[str] = ()
    #: Raw item ids to score, seen ones too; where there are none, the funnel finds the candidates.
    candidate_item_ids: Sequence[str] = ()
    #: A condition on item attributes (see ``item_filter``); empty: none.
    filter: str = ""
    #: Raw user features by name; they go before what the store holds.
    user_features: Mapping[str, Any] = field(default_factory=dict)
    #: Above 0: draw the items with probability ~ exp(score / temperature) (Gumbel top-k).
    temperature: float = 0.0
    #: Makes a draw repeatable.
    seed: int | None = None
    #: From 0 to 1: how much an item's likeness to those above it counts against it.
    diversity: float = 0.0
    #: A raw item id: the items most like it, instead of those for the user.
    similar_to: str = ""
    #: Say of every answer how it came about.
    explain: bool = False
    #: Say of these raw item ids why they are, or are not, in the answer.
    explain_item_ids: Sequence[str] = ()


#: Names of what a request may bring, for each user.
INPUTS = tuple(each.name for each in fields(Question))


@dataclass(frozen=True)
class Limits:
    """What a release can answer."""

    #: Answers where the request does not say how many.
    top_k: int
    #: The largest ``top_k``, and the most candidates that a request may name.
    candidates: int
    #: Raw user columns that the models read.
    user_features: Sequence[str]
    #: Whether there is an index of item embeddings.
    retrieves: bool

    def check(self, question: Question) -> None:
        """Raises ``RequestError`` for what cannot be answered, with what was expected and what came."""
        given, wanted = len(question.candidate_item_ids), question.top_k
        if given > self.candidates:
            raise RequestError(
                f"expected at most {self.candidates} candidate_item_ids a user, got {given}"
            )
        if wanted is not None and not 1 <= wanted <= self.candidates:
            raise RequestError(f"expected top_k from 1 to {self.candidates}, got {wanted}")
        for name in question.user_features:
            if name not in self.user_features:
                raise RequestError(
                    f"user_features names {name!r}, which no model reads; expected some of "
                    f"{list(self.user_features)}{nearest(name, self.user_features)}"
                )
        if not (math.isfinite(question.temperature) and question.temperature >= 0):
            raise RequestError(f"expected a temperature of 0 or more, got {question.temperature}")
        if not 0 <= question.diversity <= 1:
            raise RequestError(f"expected a diversity from 0 to 1, got {question.diversity}")
        if not self.retrieves:
            for name in ("similar_to", "diversity"):
                if getattr(question, name):
                    raise RequestError(
                        f"{name} compares item embeddings, and this release has none: its recipe "
                        "has no retriever"
                    )

    def width(self, question: Question) -> int:
        """How many answers the question gets at most."""
        return question.top_k or len(question.candidate_item_ids) or self.top_k


Request = Sequence[Question]


def questions(user_ids: Sequence[str], **options: Any) -> list[Question]:
    """A question for each user; every option is None, one value for all, or a value for each.

    A list option (``exclude_item_ids``, …) is always a list for each user.

    Raises:
        RequestError: no user, or an option for another number of users.
    """
    if len(user_ids) == 0:
        raise RequestError("expected at least one user_id, got an empty batch")
    columns: dict[str, Iterable[Any]] = {"user_id": user_ids}
    for name, value in options.items():
        if value is None:
            continue
        if isinstance(value, str | int | float | Mapping):
            value = [value] * len(user_ids)
        if len(value) != len(user_ids):
            raise RequestError(
                f"expected {name} for each of {len(user_ids)} users, got {len(value)} rows"
            )
        columns[name] = value
    return [
        Question(**dict(zip(columns, row, strict=True)))
        for row in zip(*columns.values(), strict=True)
    ]


def columns(request: Request, limits: Limits) -> dict[str, np.ndarray]:
    """The graph's root columns: an array [B] of each input, lists [B, longest] padded with None."""
    widths = [limits.width(each) for each in request]
    return {
        "user_id": _objects([each.user_id for each in request]),
        "top_k": np.array(widths, dtype=np.int64),
        "exclude_item_ids": _padded([each.exclude_item_ids for each in request]),
        "candidate_item_ids": _padded([each.candidate_item_ids for each in request]),
        "filter": _objects([each.filter for each in request]),
        "user_features": _objects([each.user_features for each in request]),
        "temperature": np.array([each.temperature for each in request], dtype=np.float32),
        "seed": _objects([each.seed for each in request]),
        "diversity": np.array([each.diversity for each in request], dtype=np.float32),
        "similar_to": _objects([each.similar_to for each in request]),
        "explain": np.array([each.explain for each in request], dtype=bool),
        "explain_item_ids": _padded([each.explain_item_ids for each in request]),
    }


@dataclass(frozen=True)
class Answers:
    """What B users get; K is the largest number of items among them.

    Where a user has fewer, the tail is the empty string and -inf.
    """

    item_ids: np.ndarray  # object [B, K]
    scores: np.ndarray  # float32 [B, K]
    known_user: np.ndarray  # bool [B]
    #: bool [B]: the feature store could not be asked, and the user was taken for an unknown one.
    degraded: np.ndarray
    #: object [B]: JSON (see ``operators.explain``), the empty string where none was asked for.
    explanation: np.ndarray


def _objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _padded(lists: list[Sequence[str]]) -> np.ndarray:
    array = np.full((len(lists), max(map(len, lists))), None, dtype=object)
    for row, items in zip(array, lists, strict=True):
        row[: len(items)] = items
    return array
