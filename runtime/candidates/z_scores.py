"""How a candidate's number compares with those of the other candidates of the same user.

A ranker that looks at one candidate at a time cannot see the list that it stands in, and the scores of one
user are not on the scale of another's.
"""

import numpy as np

#: A ranker input of a number's name and this ending.
STANDING = "_standing"


def standing(values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """How far above the mean of the candidates, in standard deviations; 0 for one alone. [C] -> float32 [C].

    ``real``: bool [C], which of them are candidates; 0 for the others.
    """
    found = values[real].astype(np.float64)
    stands = np.zeros(len(values), np.float32)
    if len(found):
        spread = found.std()
        # Rounding must not tell equal numbers apart.
        if spread > 1e-9 * max(1.0, np.abs(found).max()):
            stands[real] = (found - found.mean()) / spread
    return stands
