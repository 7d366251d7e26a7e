"""Count and apply vocabularies with Polars, in the order and with the codes of ``Categorify``."""

import polars as pl

from features.value_lookup import Lookup
from runtime.features.codes import FIRST_KNOWN, NULL, OUT_OF_VOCABULARY
from stages.columns import exactly
from workflows.engines.choice import polars_engine

VALUE, SIZE = "value", "size"


def counted(table: pl.LazyFrame, name: str, size: pl.Expr) -> pl.LazyFrame:
    """Return the non-null values of the column ``name``, by ``size`` descending and then by value.

    Columns: ``VALUE`` and ``SIZE``, int64.
    """
    known = table.filter(exactly(name).is_not_null())
    sizes = known.group_by(exactly(name).alias(VALUE)).agg(size.cast(pl.Int64).alias(SIZE))
    return sizes.sort(SIZE, VALUE, descending=[True, False])


def collected(counts: pl.LazyFrame) -> pl.DataFrame:
    """Run the plan of ``counted``, on a GPU if there is one (``workflows.engines.choice``)."""
    return counts.collect(engine=polars_engine())


def codes_of(vocabulary: pl.Series) -> Lookup:
    """Return the codes of the values of a vocabulary, which is in code order."""
    return Lookup(vocabulary, first=FIRST_KNOWN, unknown=OUT_OF_VOCABULARY, null=NULL)
