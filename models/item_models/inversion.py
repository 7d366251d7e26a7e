"""The inverse of a symmetric positive definite matrix, in place and by blocks.

Threaded OpenBLAS ends by SIGSEGV inside LAPACK's inversion above some 15,000 rows on some processors. Here
BLAS and LAPACK only get blocks, whatever the size, and the inverse replaces the matrix. It is the sweep
operator (J. Goodnight, "A tutorial on the SWEEP operator", The American Statistician 33(3), 1979) with blocks
as pivots, which needs as many multiplications as inverting by Cholesky's decomposition: n ** 3 for n rows.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits

from stages.errors import ShortlistError

#: Rows and columns of a block.
EDGE = 1_024


def invert(matrix: np.ndarray) -> None:
    """Replace ``matrix``, float32 [n, n], by its inverse; only the triangle below its diagonal is read.

    Beside the matrix, ``2 * EDGE`` columns of it are held in memory, and some blocks for each thread.

    Raises:
        ShortlistError: the matrix is not positive definite, as far as float32 can tell.
    """
    blocks = list(_blocks(len(matrix)))
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        for pivot in blocks:
            column = np.concatenate([matrix[pivot, : pivot.start].T, matrix[pivot.start :, pivot]])
            inverse = _inverse(column[pivot])
            # The pivot's own rows get their values after the others have been updated.
            column[pivot] = 0
            solved = column @ inverse

            def update(
                row: slice, column: np.ndarray = column, solved: np.ndarray = solved
            ) -> None:
                for other in blocks[: row.start // EDGE + 1]:
                    matrix[row, other] -= solved[row] @ column[other].T

            # The longest rows first, so that the threads end at about the same time.
            list(threads.map(update, reversed(blocks)))
            matrix[pivot, : pivot.start] = solved[: pivot.start].T
            matrix[pivot.stop :, pivot] = solved[pivot.stop :]
            matrix[pivot, pivot] = -inverse
        # Now the triangle has the inverse with the opposite sign.
        for row in blocks:
            np.negative(matrix[row, : row.stop], out=matrix[row, : row.stop])
            matrix[: row.start, row] = matrix[row, : row.start].T


def _blocks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, EDGE):
        yield slice(start, min(start + EDGE, rows))


def _inverse(pivot: np.ndarray) -> np.ndarray:
    """The inverse of a block, of which only the lower triangle is read; float32."""
    factor, failed = linalg.lapack.dpotrf(pivot.astype(np.float64), lower=1, clean=1)
    if failed:
        raise ShortlistError(
            "expected a positive definite matrix of the items' common users for the closed form of the "
            f"linear model, got one that is not in float32 (pivot {failed}). Raise linear.penalty in the "
            "recipe."
        )
    root = linalg.solve_triangular(factor, np.eye(len(pivot)), lower=True, check_finite=False)
    return (root.T @ root).astype(np.float32)
