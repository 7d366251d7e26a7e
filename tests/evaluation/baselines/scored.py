"""The scores of a baseline as an array, whatever it returns."""

import numpy as np
from scipy import sparse

from evaluation.baselines import Fitted


def scores_of(fitted: Fitted, users: np.ndarray) -> np.ndarray:
    """float32 [n, items]."""
    found = fitted.scores(users)
    return np.asarray(found.todense()) if isinstance(found, sparse.csr_matrix) else found
