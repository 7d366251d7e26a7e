"""Inner products that are the same on every machine, with any number of threads."""

import numpy as np


def inner_products(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """float32 [n] of float32 [n, dim] and [dim]; a row's product does not depend on the other rows.

    BLAS splits the rows among its threads, and rounds differently at the end of a thread's share.
    """
    return np.einsum("nd,d->n", rows, vector)
