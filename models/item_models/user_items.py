"""Interactions as a user-item matrix."""

import numpy as np
from scipy import sparse

from models.prepared import Interactions


def user_items(
    interactions: Interactions, users: int, items: int, *, weighted: bool = False
) -> sparse.csr_matrix:
    """float32 [users, items]: 1 if the user interacted with the item, however often.

    ``weighted``: the interaction's weight instead, relative to the mean; of several, the largest.
    """
    if not weighted or interactions.weights is None:
        ones = np.ones(len(interactions), np.float32)
        pairs = (ones, (interactions.users, interactions.items))
        matrix = sparse.csr_matrix(pairs, (users, items))
        matrix.data[:] = 1.0
        return matrix
    heaviest = interactions.at(np.argsort(-interactions.weights, kind="stable"))
    _, first = np.unique(heaviest.users * items + heaviest.items, return_index=True)
    kept = heaviest.at(first)
    return sparse.csr_matrix((kept.each_weight, (kept.users, kept.items)), (users, items))


def weighted_pairs(interactions: Interactions, users: int, items: int) -> sparse.csr_matrix:
    """float64 [users, items]: the square roots of the weights, so that products of columns add up weights."""
    matrix = user_items(interactions, users, items, weighted=True).astype(np.float64)
    matrix.data = np.sqrt(matrix.data)
    return matrix


def degrees(matrix: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """The sums per user and per item of such a matrix, at least 1 each: without weights, their numbers."""
    of_user, of_item = (np.asarray(matrix.sum(axis=axis)).ravel() for axis in (1, 0))
    return np.maximum(of_user, 1.0), np.maximum(of_item, 1.0)
