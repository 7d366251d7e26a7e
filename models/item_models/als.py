"""Factors by alternating least squares over all pairs of users and items (iALS), with the package implicit.

Y. Hu, Y. Koren, C. Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008; on how far
tuning takes it: S. Rendle et al., "Revisiting the performance of iALS on item recommendation benchmarks",
RecSys 2022. Their weight a0 of unobserved pairs, plus 1 for observed ones, corresponds to
``confidence = (1 + a0) / a0`` here. Their penalty grows with the pairs of a user or an item; here it is the
same for all, about theirs at the mean times 1 / a0.
"""

import warnings

import numpy as np

from models.item_models.user_items import user_items
from models.prepared import Interactions
from recipes.schema.item_models import Als


def factors(
    interactions: Interactions, users: int, items: int, seed: int, options: Als
) -> tuple[np.ndarray, np.ndarray]:
    """float32 [users, dim] and [items, dim], whose product is the score; the same for any number of threads.

    A pair that occurs twice counts once. The weight of an interaction multiplies what its confidence has over
    that of an unobserved pair, 1.
    """
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings():
        # In a notebook, its progress bar, which is unused, warns of a missing package.
        warnings.simplefilter("ignore")
        from implicit.cpu.als import AlternatingLeastSquares

    # implicit splits the rows over its own threads; BLAS's threads would only compete with them.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=options.dim,
            regularization=options.penalty,
            alpha=options.confidence,
            iterations=options.iterations,
            random_state=seed,
        )
        pairs = user_items(interactions, users, items, weighted=True)
        if interactions.weights is not None:
            # implicit multiplies by alpha; with a weight of 1 the product is the confidence.
            pairs.data = (1 + (options.confidence - 1) * pairs.data) / options.confidence
        model.fit(pairs, show_progress=False)
    return np.asarray(model.user_factors), np.asarray(model.item_factors)


def folding(item_factors: np.ndarray, options: Als) -> np.ndarray:
    """The matrix that ``runtime.candidates.generators.fold_in`` adds for every user, float32 [dim, dim].

    The equation for a user's factors is divided by ``confidence - 1``, which keeps the order of the scores.
    """
    wide = item_factors.astype(np.float64)
    every = wide.T @ wide + options.penalty * np.eye(item_factors.shape[1])
    return (every / (options.confidence - 1)).astype(np.float32)
