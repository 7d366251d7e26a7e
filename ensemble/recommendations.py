"""What users get, from a server or in this process."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.request import Answers


@dataclass(frozen=True)
class Recommendations:
    """What B users get, at most k items each.

    Where fewer than k items remain, the tail is the empty string and -inf. Scores descend, unless a
    temperature or a diversity was asked for.
    """

    item_ids: np.ndarray  # object [B, k] (str)
    scores: np.ndarray  # float32 [B, k]
    known_user: np.ndarray  # bool [B]
    #: bool [B]: the feature store could not be reached, and the user was answered as an unknown one.
    degraded: np.ndarray
    #: For each user what ``operators.explain.Explain`` says, or None where nothing was asked.
    explanations: list[dict[str, Any] | None]
    #: The release that answered.
    release: str

    @classmethod
    def of(cls, answers: Answers, release: str) -> "Recommendations":
        """The answers of the plan of a release."""
        stories = [json.loads(story) if story else None for story in answers.explanation]
        return cls(
            answers.item_ids,
            answers.scores,
            answers.known_user,
            answers.degraded,
            stories,
            release,
        )
