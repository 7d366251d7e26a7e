"""The scores of a baseline as an array, whatever it returns."""

import numpy as np
from scipy import sparse

from evaluation.baselines import Fitted


def scores_of(fitted: Fitted, users: np.ndarray) -> np.ndarray:
    """float32 [n, items]."""
    found = fitted.scores(users)
    return found.toarray() if sparse.issparse(found) else np.asarray(found)
