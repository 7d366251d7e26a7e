"""Count and apply vocabularies with Polars, in the order and with the codes of ``Categorify``."""

import polars as pl

from features.value_lookup import Lookup
from runtime.features.codes import FIRST_KNOWN, NULL, OUT_OF_VOCABULARY
from workflows.engines.choice import polars_engine


def counted(table: pl.LazyFrame, name: str, size: pl.Expr) -> pl.LazyFrame:
    """Return the non-null values of a column, by ``size`` descending and then by value.

    Columns: ``name`` and ``size``, int64.
    """
    sizes = table.drop_nulls(name).group_by(name).agg(size.cast(pl.Int64).alias("size"))
    return sizes.sort("size", name, descending=[True, False])


def collected(counts: pl.LazyFrame) -> pl.DataFrame:
    """Run the plan of ``counted``, on a GPU if there is one (``workflows.engines.choice``)."""
    return counts.collect(engine=polars_engine())


def codes_of(vocabulary: pl.Series) -> Lookup:
    """Return the codes of the values of a vocabulary, which is in code order."""
    return Lookup(vocabulary, first=FIRST_KNOWN, unknown=OUT_OF_VOCABULARY, null=NULL)
