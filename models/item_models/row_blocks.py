"""The strongest weights of every item, from an items-by-items matrix made a few rows at a time."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from models.item_models.neighbours import Neighbours

#: Threads at most, because each holds its own weights in memory.
MOST_THREADS = 8
#: Weights that a thread holds in memory at once, from some items to all others.
CELLS_AT_ONCE = 8_000_000
#: Columns of a row that ``strongest`` looks at to guess how large the kept weights are.
SAMPLED = 2_048


def strongest_of_rows(
    items: int, count: int, weights_of: Callable[[slice], np.ndarray]
) -> Neighbours:
    """Each item's ``count`` largest weights to other items, by absolute value.

    Args:
        weights_of: the weights from some items to all others, float32 [rows, items]. It runs in several
            threads, each with one thread of BLAS; the weight to the item itself is overwritten with 0.
    """
    count = min(count, items)
    rows, weights = np.empty((items, count), np.int64), np.empty((items, count), np.float32)
    at_once = max(1, CELLS_AT_ONCE // items)

    def fill(start: int) -> None:
        part = slice(start, min(start + at_once, items))
        led_to = weights_of(part)
        led_to[np.arange(len(led_to)), np.arange(part.start, part.stop)] = 0
        kept = strongest(led_to, count)
        rows[part], weights[part] = kept.rows, kept.weights

    at_most = min(MOST_THREADS, os.cpu_count() or 1)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(at_most) as threads:
        for _ in threads.map(fill, range(0, items, at_once)):
            pass
    return Neighbours(rows, weights)


def strongest(weights: np.ndarray, count: int) -> Neighbours:
    """The ``count`` largest ``weights`` of each row by absolute value; ``weights``: float32 [n, items]."""
    items = weights.shape[1]
    count = min(count, items)
    sizes = np.abs(weights)
    if items <= 2 * SAMPLED:
        rows = _largest(sizes, count)
    else:
        # A partition of long rows takes minutes for large catalogues: it only gets what is probably large.
        step = items // SAMPLED
        sample = sizes[:, ::step]
        expected = count / step
        last = min(int(expected + 4 * np.sqrt(expected)) + 1, sample.shape[1] - 1)
        bounds = -np.partition(-sample, last, axis=1)[:, last]
        rows = np.empty((len(sizes), count), np.int64)
        for row, (each, bound) in enumerate(zip(sizes, bounds, strict=True)):
            large = np.flatnonzero(each >= bound)
            if len(large) < count:
                large = np.arange(items)
            rows[row] = large[_largest(each[large], count)]
    rows.sort(axis=1)
    return Neighbours(rows, np.take_along_axis(weights, rows, axis=1))


def _largest(sizes: np.ndarray, count: int) -> np.ndarray:
    """Places of the ``count`` largest of the last axis, in any order."""
    return np.argpartition(-sizes, count - 1, axis=-1)[..., :count].astype(np.int64)
