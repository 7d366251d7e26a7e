"""Target encoding: for each category, the mean label of the interactions that have it.

The mean is smoothed towards the overall mean, more so the fewer interactions a category has:
D. Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes in classification and
prediction problems", SIGKDD Explorations 3(1), 2001; the weight is that of NVTabular's ``TargetEncoding``.

That operator assigns single rows to folds and takes the overall mean over all of them. Here a row of the
training part gets its means, including the overall one, from the folds that it is not in. A fold consists of
whole users for an item feature, and of whole items for a user feature. So every (user, item) pair has a fold,
including the pairs that a ranker is trained on but that are not rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.columns import PART, TEST
from stages.lazy import pl


@dataclass(frozen=True)
class TargetStatistics:
    """The statistics of a feature of kind ``target``.

    Args:
        own: the id column of the feature's side; in interactions it holds row numbers of the side's table.
        other: the id column of the other side, which determines the fold.
        categories: the values that form a category, one row per category; nulls count as values.
        of_row: the category of each row of the users or items table, int64 [rows].
        counts: interactions of the training part, int64 [categories, folds].
        means: float64 [categories, folds + 1]: in each column the mean over all folds but that one, in
            the last column the mean over all folds.
        overall: the value of a category without interactions.
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
        """The mean over the whole training part for each row of the table: float64 [rows]."""
        return self.means[self.of_row, -1]

    def given_in_training(self) -> tuple[np.ndarray, np.ndarray]:
        """The means of training interactions, float64 [n], and how many interactions get each, int64 [n]."""
        return self.means[:, :-1].ravel(), self.counts.ravel()

    def of_interactions(self, rows: pl.DataFrame, means: np.ndarray) -> np.ndarray:
        """The mean of each interaction, [n]; in the training part from the folds that it is not in.

        ``means``: [categories, folds + 1], ``self.means`` or numbers computed from them.
        """
        fold = fold_of(rows[self.other].to_numpy(), self.folds)
        column = np.where(rows[PART].to_numpy() == TEST, self.folds, fold)
        return means[self.of_row[rows[self.own].to_numpy()], column]


def fold_of(rows: np.ndarray, folds: int) -> np.ndarray:
    """The fold that each row of a users or items table is assigned to."""
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
    """Compute the statistics from the interactions of the training part.

    Args:
        values: the columns whose values form the categories, for each row of the table of ``own``.
        targets: float64 [n], one for each interaction.
    """
    # numbered instead of named: Polars joins by patterns
    keyed = pl.DataFrame([column.alias(str(each)) for each, column in enumerate(values)])
    categories = keyed.unique(maintain_order=True)
    numbered = categories.with_row_index(_NUMBER)
    joined = keyed.join(
        numbered, on=keyed.columns, how="left", nulls_equal=True, maintain_order="left"
    )
    of_row = joined[_NUMBER].to_numpy().astype(np.int64)
    categories.columns = values.columns
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
    # equal means differ in their last bits, and scaling would amplify that
    means, overall = (numbers.astype(np.float32).astype(np.float64) for numbers in (means, overall))
    return TargetStatistics(own, other, categories, of_row, counts, means, float(overall[-1]))


_NUMBER = "number"


def _without_each(cells: np.ndarray) -> np.ndarray:
    """Sums over all columns but each one, and over all columns: [n, k] -> [n, k + 1].

    Adds up the other columns: subtraction would leave a rounding error of the excluded one.
    """
    nothing = np.zeros_like(cells[:, :1])
    before = np.hstack([nothing, np.cumsum(cells, axis=1)])
    after = np.hstack([np.cumsum(cells[:, ::-1], axis=1)[:, ::-1][:, 1:], nothing, nothing])
    return before + after


def _ratio(sums: np.ndarray, counts: np.ndarray, otherwise: np.ndarray | float) -> np.ndarray:
    """Sums divided by counts; ``otherwise`` for a count of 0."""
    return np.where(counts > 0, sums / np.where(counts > 0, counts, 1), otherwise)
