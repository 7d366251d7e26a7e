"""Whether one column already says how an interaction ends, as data of the future do."""

import polars as pl

#: A value says something of the outcome from so many interactions on.
_ENOUGH = 10
#: Outcomes of each kind, among the rows held out, from which on an AUC is believed.
_ENOUGH_OUTCOMES = 20


def determines_label(values: pl.DataFrame) -> bool:
    """Whether each value has one label, not all the same, over ten interactions and more a value.

    Values with fewer interactions are left aside, and have to be the lesser part of all.
    """
    many = _frequent(values)
    return (
        not many.is_empty()
        and bool((many["lowest"] == many["highest"]).all())
        and many["lowest"].n_unique() > 1
    )


def determines_positive(values: pl.DataFrame) -> bool:
    """The same of being a positive."""
    many = _frequent(values)
    never, always = many["positives"] == 0, many["positives"] == many["rows"]
    return bool((never | always).all()) and bool(never.any()) and bool(always.any())


def _frequent(values: pl.DataFrame) -> pl.DataFrame:
    many = values.filter(pl.col("rows") >= _ENOUGH)
    return many if many["rows"].sum() * 2 >= values["rows"].sum() else many.clear()


def auc(values: pl.DataFrame, is_number: bool) -> float | None:
    """How well the column alone tells the positives among the rows that are not in training.

    The score of a row is the share of positives that its value has in training; numbers are tried as
    they are, too, upwards and downwards. Rows of equal score count half. None where fewer than 20 rows
    of a kind are held out.
    """
    held_out = values.with_columns(
        positives=pl.col("positives") - pl.col("train_positives"),
        negatives=(pl.col("rows") - pl.col("train"))
        - (pl.col("positives") - pl.col("train_positives")),
        # One row of the overall share more, so that a value unknown to training has that.
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
    """AUC of ``score`` over rows that stand for ``positives`` and ``negatives``."""
    by_score = (
        counts.group_by(score)
        .agg(pl.col("positives").sum(), pl.col("negatives").sum())
        .sort(score)
        .with_columns(below=pl.col("negatives").cum_sum() - pl.col("negatives") / 2)
    )
    won = float((by_score["positives"] * by_score["below"]).sum())
    return won / (float(by_score["positives"].sum()) * float(by_score["negatives"].sum()))
