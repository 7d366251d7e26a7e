"""Target encoding: of each category the mean of a number of the interactions that have it.

The mean is drawn towards that of all interactions, more so the fewer a category has: D. Micci-Barreca,
"A preprocessing scheme for high-cardinality categorical attributes in classification and prediction
problems", SIGKDD Explorations 3(1), 2001; the weight is that of NVTabular's ``TargetEncoding``.

That operator deals single rows to folds, and takes the overall mean from all of them. Here what a row of
the training part is given comes from the folds that it is not in, the overall mean too, and folds are of
whole users for a feature of items, of whole items for one of users. So every pair has a fold, also those
that a ranker is trained on without their being rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.columns import PART, TEST
from stages.lazy import pl


@dataclass(frozen=True)
class TargetStatistics:
    """What a feature of kind ``target`` is.

    Args:
        own: the id column of the feature's side, which in interactions is a row of its table.
        other: that of the other side, which says the fold.
        categories: the values that count together, a row a category, null among them.
        of_row: the category of each row of the users or items table, int64 [rows].
        counts: interactions of the training part, int64 [categories, folds].
        means: float64 [categories, folds + 1]: of all other folds than that of the column, and in the
            last column of all folds.
        overall: what a category without an interaction has.
    """

    own: str
    other: str
    categories: pl.DataFrame
    of_row: np.ndarray
    counts: np.ndarray
    means: np.ndarray
    overall: float

    @property
    def folds(self) -> int:
        return self.counts.shape[1]

    @property
    def of_all(self) -> np.ndarray:
        """Of each row of the table, over all of the training part: float64 [rows]."""
        return self.means[self.of_row, -1]

    def given_in_training(self) -> tuple[np.ndarray, np.ndarray]:
        """What interactions of the training part are given, float64 [n], and how many of them, int64 [n]."""
        return self.means[:, :-1].ravel(), self.counts.ravel()

    def of_interactions(self, rows: pl.DataFrame, means: np.ndarray) -> np.ndarray:
        """What each is given, [n]: in the training part out of the folds that it is not in.

        ``means``: those of this, or what became of them: [categories, folds + 1].
        """
        fold = fold_of(rows[self.other].to_numpy(), self.folds)
        column = np.where(rows[PART].to_numpy() == TEST, self.folds, fold)
        return means[self.of_row[rows[self.own].to_numpy()], column]


def fold_of(rows: np.ndarray, folds: int) -> np.ndarray:
    """The fold that each row of a users or items table is dealt to."""
    return rows % folds


def target_statistics(
    own: str,
    other: str,
    values: pl.DataFrame,
    training: pl.DataFrame,
    targets: np.ndarray,
    smoothing: float,
    folds: int,
) -> TargetStatistics:
    """Of the interactions of the training part, whose targets are float64 [n].

    ``values``: what makes the categories, a row for each of the table of ``own``.
    """
    categories = values.unique(maintain_order=True)
    numbered = categories.with_row_index(_NUMBER)
    joined = values.join(
        numbered, on=values.columns, how="left", nulls_equal=True, maintain_order="left"
    )
    of_row = joined[_NUMBER].to_numpy().astype(np.int64)
    fold = fold_of(training[other].to_numpy(), folds)
    cells = of_row[training[own].to_numpy()] * folds + fold
    shape = (len(categories), folds)
    counts = np.bincount(cells, minlength=len(categories) * folds).reshape(shape)
    sums = np.bincount(cells, targets, len(categories) * folds).reshape(shape)
    seen, total = _without_each(counts), _without_each(sums)
    overall = _ratio(total.sum(axis=0), seen.sum(axis=0), 0.0)
    means = np.where(
        seen > 0, _ratio(total + smoothing * overall, seen + smoothing, overall), overall
    )
    # equal means differ in their last bits, and scaling would make something of that
    means, overall = (numbers.astype(np.float32).astype(np.float64) for numbers in (means, overall))
    return TargetStatistics(own, other, categories, of_row, counts, means, float(overall[-1]))


_NUMBER = "/number"  # no column has a slash in its name


def _without_each(cells: np.ndarray) -> np.ndarray:
    """Sums over all columns but each one, and over all: [n, k] -> [n, k + 1].

    By adding the others up, not by subtraction, which would leave a rounding of what is left out.
    """
    nothing = np.zeros_like(cells[:, :1])
    before = np.hstack([nothing, np.cumsum(cells, axis=1)])
    after = np.hstack([np.cumsum(cells[:, ::-1], axis=1)[:, ::-1][:, 1:], nothing, nothing])
    return before + after


def _ratio(sums: np.ndarray, counts: np.ndarray, otherwise: np.ndarray | float) -> np.ndarray:
    """Sums by counts; ``otherwise`` where there is nothing to count."""
    return np.where(counts > 0, sums / np.where(counts > 0, counts, 1), otherwise)
