"""How a candidate's number compares with those of the other candidates of the same user.

A ranker that looks at one candidate at a time cannot see the list that it stands in, and the scores of one
user are not on the scale of another's.
"""

import numpy as np

#: A ranker input of a feature's name and this ending is its z-score within the list.
Z_SCORE = "_zscore"


def z_scores(values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Standard deviations above the mean of the candidates; 0 for one alone. [C] -> float32 [C].

    ``real``: bool [C], which of them are candidates; 0 for the others.
    """
    found = values[real].astype(np.float64)
    scores = np.zeros(len(values), np.float32)
    if len(found):
        spread = found.std()
        # Rounding must not tell equal numbers apart.
        if spread > 1e-9 * max(1.0, np.abs(found).max()):
            scores[real] = (found - found.mean()) / spread
    return scores
