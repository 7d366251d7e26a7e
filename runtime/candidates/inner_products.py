"""Inner products that come out alike on every machine, however many threads it has."""

import numpy as np


def inner_products(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """float32 [n] of float32 [n, dim] and [dim]: each row's does not depend on the others.

    BLAS shares out the rows among its threads, and rounds otherwise where a share ends.
    """
    return np.einsum("nd,d->n", rows, vector)
