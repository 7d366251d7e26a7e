"""Interactions as a user-item matrix."""

import numpy as np
from scipy import sparse

from models.prepared import Interactions


def user_items(interactions: Interactions, users: int, items: int) -> sparse.csr_matrix:
    """float32 [users, items]: 1 if the user interacted with the item, however often."""
    ones = np.ones(len(interactions), np.float32)
    matrix = sparse.csr_matrix((ones, (interactions.users, interactions.items)), (users, items))
    matrix.data[:] = 1.0
    return matrix


def degrees(matrix: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """The number of items per user and of users per item in such a matrix, at least 1 each."""
    of_user, of_item = (np.asarray(matrix.sum(axis=axis)).ravel() for axis in (1, 0))
    return np.maximum(of_user, 1.0), np.maximum(of_item, 1.0)
