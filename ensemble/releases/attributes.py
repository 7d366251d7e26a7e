"""Raw columns of the items -> the attributes of a release (``runtime.candidates.item_attributes``)."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from ensemble.feature_store.raw_features import raw_feature_files
from ensemble.releases.parts import Parts
from features.value_types import of_one_value
from recipes.schema.recipe import Recipe
from runtime.candidates.item_attributes import Attribute, Words
from runtime.features.spelling import spell
from stages.artifacts import Artifacts
from stages.columns import exactly, values_of
from workflows.conditions import column_type, comparable


def read_attributes(recipe: Recipe, artifacts: Artifacts, parts: Parts) -> list[Attribute]:
    """The raw columns that item features use, in row order."""
    item, dtype = recipe.columns.item, parts.encoding.item.dtype
    columns: dict[str, pl.Series] = {}
    for path, names in raw_feature_files(recipe, artifacts, "item"):
        if not names:
            continue
        wanted = map(exactly, dict.fromkeys([item, *names]))
        table = pl.scan_parquet(path).select(wanted).collect()
        row_of = {spell(raw_id, dtype): row for row, raw_id in enumerate(table[item].to_list())}
        rows = pl.Series([row_of.get(raw_id) for raw_id in parts.raw_item_ids], dtype=pl.Int64)
        columns |= {name: values_of(table, name).gather(rows) for name in names}
    return attributes_of(columns)


def attributes_of(columns: Mapping[str, pl.Series]) -> list[Attribute]:
    """Attributes with the values and types of these columns, by name; a null or NaN is missing."""
    flat = [_flat(column) for column in columns.values()]
    strings = [values for values, _ in flat if values.dtype == pl.String]
    spelled = pl.concat([pl.Series([], dtype=pl.String), *strings]).unique().drop_nulls().sort()
    words = Words.of(spelled.to_list())
    codes = pl.Enum(spelled)
    attributes = []
    for (name, column), (values, offsets) in zip(columns.items(), flat, strict=True):
        several = isinstance(column.dtype, pl.List)
        attributes.append(
            Attribute(
                name,
                column_type(column.dtype).value,
                _stored(values, codes),
                values.is_not_null().to_numpy() if values.null_count() else None,
                offsets if several else None,
                words if values.dtype == pl.String else None,
            )
        )
    return attributes


def _flat(column: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """The values of a column as conditions compare them, and where each row's begin if it has lists."""
    if not isinstance(column.dtype, pl.List):
        values = comparable(pl.col("values"), column.dtype)
        return column.to_frame("values").select(values).to_series(), np.zeros(0, np.int64)
    element = comparable(pl.element(), of_one_value(column.dtype))
    lists = pl.col("values").list.eval(element).list.drop_nulls()
    rows = column.to_frame("values").select(lists).to_series()
    lengths = rows.list.len().fill_null(0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return rows.explode().drop_nulls(), offsets


def _stored(values: pl.Series, codes: pl.Enum) -> np.ndarray:
    """One value for each, something for a missing one."""
    if values.dtype == pl.String:
        return values.cast(codes).to_physical().fill_null(0).cast(pl.Int32).to_numpy()
    return values.fill_null(False if values.dtype == pl.Boolean else 0).to_numpy()
