"""Drift from the training part to the test part: the population stability index (PSI).

PSI = sum over bins of (p - q) ln(p / q), where p and q are the shares of the two parts: the symmetric
divergence of S. Kullback and R. Leibler, "On information and sufficiency", Annals of Mathematical
Statistics 22(1), 1951. Its thresholds 0.1 and 0.25 are a rule of thumb (N. Siddiqi, "Credit Risk
Scorecards", Wiley, 2006). Without drift it is about (1/n + 1/m) times chi-squared with bins - 1 degrees
of freedom, where n and m are the rows of the parts (B. Yurdakul, "Statistical Properties of Population
Stability Index", dissertation, Western Michigan University, 2018): values below the 95% point of that are
called noise.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import chdtri

MODERATE, LARGE = 0.1, 0.25
_BINS = 10
#: Categories with a bin of their own; the rest share one.
_FREQUENT = 20


@dataclass(frozen=True)
class Drift:
    """Shares of train and test by bin, and the resulting index."""

    index: float
    #: The index stays below this in 95 of 100 draws without drift.
    noise: float
    bins: tuple[str, ...]
    train: tuple[float, ...]
    test: tuple[float, ...]

    @property
    def verdict(self) -> str:
        """``large``, ``moderate``, ``small``, or ``noise`` if chance explains the index."""
        if self.index <= self.noise:
            return "noise"
        if self.index > LARGE:
            return "large"
        return "moderate" if self.index > MODERATE else "small"


def drift(values: pl.DataFrame, is_number: bool) -> Drift | None:
    """Compare ``train`` with ``test`` of ``Column.values``; None if one of them is empty.

    Numbers fall into the deciles of the training part, each value into that of its middle row. Of other
    values, the most frequent of the training part get a bin each. Null has its own bin.
    """
    if not (values["train"].sum() and values["test"].sum()):
        return None
    known = values.filter(pl.col("value").is_not_null())
    bins = _deciles(known) if is_number else _frequent(known)
    missing = values.filter(pl.col("value").is_null())
    if len(missing):
        bins = bins.vstack(missing.select(pl.lit("null").alias("bin"), "train", "test"))
    train, test = bins["train"].to_numpy(), bins["test"].to_numpy()
    # Half a row added to each bin keeps the index finite if a bin is empty.
    p = (train + 0.5) / (train.sum() + 0.5 * len(bins))
    q = (test + 0.5) / (test.sum() + 0.5 * len(bins))
    spread = 1 / train.sum() + 1 / test.sum()
    noise = spread * float(chdtri(len(bins) - 1, 0.05)) if len(bins) > 1 else 0.0
    return Drift(
        index=float(np.sum((p - q) * np.log(p / q))),
        noise=noise,
        bins=tuple(bins["bin"]),
        train=tuple(map(float, train / train.sum())),
        test=tuple(map(float, test / test.sum())),
    )


def _deciles(values: pl.DataFrame) -> pl.DataFrame:
    middle = pl.col("train").cum_sum() - pl.col("train") / 2
    share = middle / pl.col("train").sum()
    return (
        values.sort("value")
        .with_columns(decile=(share * _BINS).floor().clip(0, _BINS - 1).fill_nan(0))
        .group_by("decile", maintain_order=True)
        .agg(pl.col("value").min().alias("low"), pl.col("value").max().alias("high"), *_sums())
        .select(
            pl.struct("low", "high")
            .map_elements(lambda ends: _interval(**ends), return_dtype=pl.String)
            .alias("bin"),
            "train",
            "test",
        )
    )


def _interval(low: float, high: float) -> str:
    return f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"


def _frequent(values: pl.DataFrame) -> pl.DataFrame:
    # The value breaks ties, so a table gives the same bins each time.
    most = values.top_k(_FREQUENT, by=["train", "value"], reverse=[False, True])
    most = most.sort("train", "value", descending=[True, False])
    bins = most.select(pl.col("value").cast(pl.String).alias("bin"), "train", "test")
    if len(values) > _FREQUENT:
        rest = values.select(pl.lit("all others").alias("bin"), *_sums()).with_columns(
            pl.col("train") - most["train"].sum(), pl.col("test") - most["test"].sum()
        )
        bins = bins.vstack(rest)
    return bins


def _sums() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("train").sum(), pl.col("test").sum()
