"""Detect columns that reveal an interaction's outcome, as data from the future do."""

import polars as pl

#: Interactions from which a value counts as evidence.
_ENOUGH = 10
#: Held-out positives, and negatives, from which an AUC is trusted.
_ENOUGH_OUTCOMES = 20


def determines_label(values: pl.DataFrame) -> bool:
    """Whether each value with ten or more interactions has one label, and not all have the same.

    Rarer values are ignored; they may have at most half of all interactions.
    """
    many = _frequent(values)
    return (
        not many.is_empty()
        and bool((many["lowest"] == many["highest"]).all())
        and many["lowest"].n_unique() > 1
    )


def determines_positive(values: pl.DataFrame) -> bool:
    """Whether each such value is always or never positive, and both occur."""
    many = _frequent(values)
    never, always = many["positives"] == 0, many["positives"] == many["rows"]
    return bool((never | always).all()) and bool(never.any()) and bool(always.any())


def _frequent(values: pl.DataFrame) -> pl.DataFrame:
    many = values.filter(pl.col("rows") >= _ENOUGH)
    return many if many["rows"].sum() * 2 >= values["rows"].sum() else many.clear()


def auc(values: pl.DataFrame, is_number: bool) -> float | None:
    """Return how well the column alone predicts the positives among held-out rows, as AUC.

    The score of a row is the training share of positives of its value; numbers are also tried as they
    are, ascending and descending. Ties count half. None if fewer than 20 positives or negatives are held
    out.
    """
    held_out = values.with_columns(
        positives=pl.col("positives") - pl.col("train_positives"),
        negatives=(pl.col("rows") - pl.col("train"))
        - (pl.col("positives") - pl.col("train_positives")),
        # One row of the overall share is added, so a value unseen in training has that share.
        rate=(pl.col("train_positives") + pl.col("train_positives").sum() / pl.col("train").sum())
        / (pl.col("train") + 1),
    )
    if min(held_out["positives"].sum(), held_out["negatives"].sum()) < _ENOUGH_OUTCOMES:
        return None
    areas = [_area(held_out, "rate")]
    if is_number:
        known = held_out.filter(pl.col("value").is_not_null())
        if min(known["positives"].sum(), known["negatives"].sum()) >= _ENOUGH_OUTCOMES:
            upwards = _area(known, "value")
            areas += [upwards, 1 - upwards]
    return max(areas)


def _area(counts: pl.DataFrame, score: str) -> float:
    """Return the AUC of ``score`` over rows that stand for ``positives`` and ``negatives``."""
    by_score = (
        counts.group_by(score)
        .agg(pl.col("positives").sum(), pl.col("negatives").sum())
        .sort(score)
        .with_columns(below=pl.col("negatives").cum_sum() - pl.col("negatives") / 2)
    )
    won = float((by_score["positives"] * by_score["below"]).sum())
    return won / (float(by_score["positives"].sum()) * float(by_score["negatives"].sum()))
