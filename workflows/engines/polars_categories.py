"""Count and encode categories of users and items with Polars, as ``Categorify`` does for NVTabular."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from features.category import Category, SharableCategory
from features.kind import FeatureKind
from features.operators.categorify import vocabulary_path, write_vocabulary
from features.operators.hash_codes import hash_codes
from features.value_lookup import Lookup
from runtime.lists import padded
from stages.columns import values_of
from workflows.engines.polars_vocabularies import SIZE, VALUE, codes_of, collected, counted
from workflows.graph import FeatureGraph


class Categories:
    """Encodes columns, and writes their vocabularies where ``graph.categorify`` looks for them.

    ``sides``: of users and of items, the table, its features, and how often each row occurs in the
    training part, int64 [rows]. Shared vocabularies are counted first, over both sides.
    """

    def __init__(
        self,
        graph: FeatureGraph,
        sides: Iterable[tuple[pl.DataFrame, Mapping[str, FeatureKind], np.ndarray]],
    ) -> None:
        self.categorify = graph.categorify
        found: dict[str, list[pl.DataFrame]] = {}
        for table, features, counts in sides:
            for name, group in graph.categorify.storage_name.items():
                feature = features.get(name)
                if isinstance(feature, Category):
                    values, offsets = single_values(values_of(table, name), feature)
                    weighted = _weighted(values, offsets, counts)
                    found.setdefault(group, []).append(weighted)
        self.shared = {group: self._fitted(group, pl.concat(of)) for group, of in found.items()}

    def codes(self, values: pl.Series, feature: Category, counts: np.ndarray) -> pl.Series:
        """Return codes int64 [rows], or lists of them, for a column whose rows occur ``counts`` times."""
        name, values = values.name, values.alias(VALUE)
        single, offsets = single_values(values, feature)
        if feature.hash_bins:
            codes = hash_codes(single, feature.hash_bins)
        elif feature.shared_vocabulary:
            codes = self.shared[feature.shared_vocabulary](single)
        else:
            codes = self._fitted(name, _weighted(single, offsets, counts))(single)
        if offsets is None:
            return codes
        flat = codes.to_numpy()
        if isinstance(feature, SharableCategory) and feature.pad:
            rows = padded(flat, np.diff(offsets), feature.max_length)
            flat, offsets = rows.ravel(), np.arange(len(rows) + 1) * feature.max_length
        return nested_lists(name, flat, offsets)

    def _fitted(self, name: str, weighted: pl.DataFrame) -> Lookup:
        """Write a vocabulary for ``Categorify``; return the codes of its values."""
        vocabulary = collected(counted(weighted.lazy(), VALUE, pl.col(SIZE).sum()))
        kept = vocabulary.filter(pl.col(SIZE) >= self.categorify.freq_threshold[name])
        path = vocabulary_path(Path(self.categorify.out_path), name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_vocabulary(path, name, kept[VALUE].to_arrow(), kept[SIZE].to_numpy())
        self.categorify.categories[name] = str(path)
        return codes_of(kept[VALUE])


def single_values(values: pl.Series, feature: Category) -> tuple[pl.Series, np.ndarray | None]:
    """Return a column's values one by one, and the offset of each row's (None: one value per row)."""
    if not (isinstance(feature, SharableCategory) and feature.several):
        return values, None
    length = feature.max_length
    kept = values.list.head(length) if feature.keep == "first" else values.list.tail(length)
    offsets = np.concatenate([[0], np.cumsum(kept.list.len().to_numpy(), dtype=np.int64)])
    return kept.list.explode(empty_as_null=False), offsets


def nested_lists(name: str, values: np.ndarray, offsets: np.ndarray) -> pl.Series:
    """Build lists from consecutive values; those of a row begin at its offset."""
    return pl.Series(name, pa.LargeListArray.from_arrays(offsets.astype(np.int64), values))


def _weighted(values: pl.Series, offsets: np.ndarray | None, counts: np.ndarray) -> pl.DataFrame:
    """Return single values and how often each occurs, which is as often as its row; drop zeros."""
    sizes = counts if offsets is None else np.repeat(counts, np.diff(offsets))
    weighted = pl.DataFrame([values.alias(VALUE), pl.Series(SIZE, sizes)])
    return weighted.filter(pl.col(SIZE) > 0)
