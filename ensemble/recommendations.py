"""Recommendations for users, from a server or from this process."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.request import Answers


@dataclass(frozen=True)
class Recommendations:
    """Recommendations for B users, at most k items each.

    If fewer than k items remain, the tail is filled with the empty string and -inf. Scores descend, unless
    the request set a temperature or a diversity.
    """

    item_ids: np.ndarray  # object [B, k] (str)
    scores: np.ndarray  # float32 [B, k]
    known_user: np.ndarray  # bool [B]
    #: bool [B]: the feature store was unreachable, so the user was answered as an unknown user.
    degraded: np.ndarray
    #: For each user, the output of ``operators.explain.Explain``, or None if none was requested.
    explanations: list[dict[str, Any] | None]
    #: The release that answered.
    release: str

    @classmethod
    def of(cls, answers: Answers, release: str) -> "Recommendations":
        """Convert the answers of a release's plan."""
        explanations = [json.loads(text) if text else None for text in answers.explanation]
        return cls(
            answers.item_ids,
            answers.scores,
            answers.known_user,
            answers.degraded,
            explanations,
            release,
        )
