"""Z-scores of a feature within the list of one user's candidates.

A ranker that scores one candidate at a time cannot see the rest of the list, and one user's scores are not
on the same scale as another's.
"""

import numpy as np

#: A ranker input whose name is a feature's plus this ending is its z-score within the list.
Z_SCORE = "_zscore"


def z_scores(values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Standard deviations above the mean of the candidates; 0 for a single one. [C] -> float32 [C].

    ``real``: bool [C], which of the values are candidates; the others get 0.
    """
    found = values[real].astype(np.float64)
    scores = np.zeros(len(values), np.float32)
    if len(found):
        spread = found.std()
        # Rounding must not separate equal numbers.
        if spread > 1e-9 * max(1.0, np.abs(found).max()):
            scores[real] = (found - found.mean()) / spread
    return scores
