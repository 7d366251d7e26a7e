"""The recipe's feature list as NVTabular graphs. This file is meant to be read beside a recipe.

interactions >> Join(users) >> Join(items)                         -> rows with every raw column
rows >> ids, categories, buckets, numbers, history, time and label -> encoded rows
"""

from pathlib import Path
from typing import Any

import merlin.dtypes as md
import numpy as np
import polars as pl
from merlin.dag import ColumnSelector, Node
from merlin.schema import ColumnSchema, Schema, Tags
from nvtabular import Workflow
from nvtabular.ops import AddTags, FillMissing, ListSlice

from features.operators.bucket_codes import BucketCodes
from features.operators.categorify import Categorify
from features.operators.combine import Combine
from features.operators.hash_codes import HashCodes
from features.operators.normalize import MinMax, Normalize
from features.operators.pad import Pad
from features.operators.shape import Shape
from features.schema import Feature
from recipes.schema.data import POSITIVE
from recipes.schema.recipe import Recipe
from stages.artifacts import Preparing
from workflows.operators.history import History
from workflows.operators.join import Join
from workflows.partitions import arrow_table, write_table
from workflows.selection import PART
from workflows.splits import IN_TIME
from workflows.tables import Tables

#: Tag of the column that says how much a row counts in a weighted loss; Merlin has none for it.
WEIGHT = "weight"
#: Tag of what depends on user and item, so that no tower can have it.
FOR_RANKER = "for_ranker"

_DTYPES = {"integer": md.int64, "string": md.string, "float": md.float64, "boolean": md.boolean}


def join_workflow(
    recipe: Recipe, tables: Tables, preparing: Preparing, columns: list[str], gpu: bool
) -> Workflow:
    """Interactions, with ``columns``, and the other raw features of their user and item.

    Those tables are laid down for the processes that join them.
    """
    nodes = ColumnSelector(columns)
    for table, key in ((tables.users, recipe.columns.user), (tables.items, recipe.columns.item)):
        path, further = preparing.side(key), table.drop(set(columns) & set(table.columns) - {key})
        write_table(arrow_table(further), path)
        nodes = nodes >> Join(path, key, side_schema(further, tables.kinds), gpu)
    return Workflow(nodes)


def side_schema(table: pl.DataFrame, kinds: dict[str, str]) -> Schema:
    """Of a raw users or items table; Merlin cannot tell it from a list of nulls."""
    columns = table.schema.items()
    return Schema([_raw_column(name, kinds, isinstance(dtype, pl.List)) for name, dtype in columns])


def _raw_column(name: str, kinds: dict[str, str], several: bool) -> ColumnSchema:
    dims = (None, (0, None)) if several else (None,)
    return ColumnSchema(name, dtype=_DTYPES[kinds.get(name, "float")], dims=dims)


def joined_schema(partition: pl.Schema, tables: Tables) -> Schema:
    """What ``join_workflow`` makes of a partition of the interactions."""
    own = [name for name in partition if name not in tables.kinds]
    sides = [side_schema(table, tables.kinds) for table in (tables.users, tables.items)]
    plain = [ColumnSchema(name, dtype=_numpy(partition[name]), dims=(None,)) for name in own]
    return sum(sides, Schema()) + Schema(plain)


def _numpy(dtype: pl.DataType) -> np.dtype:
    return pl.Series([], dtype=dtype).to_numpy().dtype


class FeatureGraph:
    """The graphs that encode rows, users and items; they share their fitted operators.

    ``fit`` the workflow of ``rows()``; those of ``users()`` and ``items()`` are then fitted too.
    Vocabularies are written below ``folder`` while fitting.
    """

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.recipe = recipe
        columns, vocabulary = recipe.columns, recipe.vocabulary
        features = recipe.features.both
        # Rare ids that were left out beforehand were counted over more than the training part.
        thresholds = {
            columns.user: 1 if vocabulary.drop_rare else vocabulary.user_frequency_threshold,
            columns.item: 1 if vocabulary.drop_rare else vocabulary.item_frequency_threshold,
            **{name: one.frequency_threshold for name, one in features.items()},
            **{one.shared: one.frequency_threshold for one in features.values() if one.shared},
        }
        hashed = {
            name: (one.hash_bins, one.shared or name)
            for name, one in features.items()
            if one.hash_bins
        }
        shared = {
            name: one.shared for name, one in features.items() if one.shared and name not in hashed
        }
        self.categorify = Categorify(shared, freq_threshold=thresholds, out_path=str(folder))
        self.hashes = HashCodes(hashed)
        self.buckets = BucketCodes({name: one.boundaries for name, one in features.items()})
        self.fill = {name: FillMissing(one.fill) for name, one in features.items()}
        self.normalize = Normalize(out_dtype=np.float32)
        self.min_max = MinMax(out_dtype=np.float32)

    def scaling(self, feature: Feature) -> Normalize:
        """The operator that scales a feature that is a number."""
        return self.min_max if feature.scale == "min-max" else self.normalize

    def rows(self) -> Workflow:
        """Joined interactions -> ids, every feature, history, timestamp, targets and ``PART``."""
        columns, interactions = self.recipe.columns, self.recipe.interactions
        item_code = self._item_id()
        outputs = self._user() + self._item(item_code)
        if interactions.history_length:
            history = History(
                columns.user,
                columns.item,
                PART,
                POSITIVE,
                interactions.history_length,
                earlier_only=self.recipe.split.kind in IN_TIME,
            )
            outputs += ColumnSelector([columns.user, PART, POSITIVE]) + item_code >> history
        if columns.timestamp:
            outputs += [columns.timestamp] >> AddTags([Tags.TIME])
        if columns.label:
            outputs += [columns.label] >> AddTags([Tags.TARGET])
        if columns.weight:
            outputs += [columns.weight] >> AddTags([WEIGHT])
        outputs += [POSITIVE] >> AddTags([Tags.TARGET, Tags.BINARY_CLASSIFICATION])
        return Workflow(outputs + ColumnSelector([PART]))

    def users(self) -> Workflow:
        """The users table -> user id and features."""
        return Workflow(self._user())

    def items(self) -> Workflow:
        """The items table -> item id and features."""
        return Workflow(self._item(self._item_id()))

    def _user(self) -> Node:
        tags = AddTags([Tags.USER_ID, Tags.USER])
        code = [self.recipe.columns.user] >> self.categorify >> tags
        return self._with_features(code, self.recipe.features.user, Tags.USER)

    def _item_id(self) -> Node:
        tags = AddTags([Tags.ITEM_ID, Tags.ITEM])
        return [self.recipe.columns.item] >> self.categorify >> tags

    def _item(self, code: Node) -> Node:
        return self._with_features(code, self.recipe.features.item, Tags.ITEM)

    def _with_features(self, code: Node, features: dict[str, Feature], side: Tags) -> Node:
        if not features:
            return code
        nodes = []
        categories = {
            name: self._category(feature, [name])
            for name, feature in features.items()
            if feature.kind in ("categorical", "text", "bucket")
        }
        for name, feature in features.items():
            if name in categories:
                nodes.append(categories[name])
            elif feature.is_number:
                number = [name] >> self.fill[name]
                if feature.clip or feature.log:
                    number = number >> Shape(feature)
                number = number >> self.scaling(feature)
                for_ranker = feature.kind == "target"
                nodes.append(number >> AddTags([FOR_RANKER]) if for_ranker else number)
            else:
                parts = sum((categories[part] for part in feature.of), ColumnSelector())
                nodes.append(self._category(feature, parts >> Combine(name, feature.of)))
        return code + (sum(nodes, ColumnSelector()) >> AddTags([side]))

    def _category(self, feature: Feature, values: Any) -> Node:
        """Columns or a node of raw values -> their codes."""
        if feature.kind == "bucket":
            return values >> self.buckets
        if feature.several:
            length = feature.max_length
            values = values >> ListSlice(length if feature.keep == "first" else -length)
        codes = values >> (self.hashes if feature.hash_bins else self.categorify)
        return codes >> Pad(feature.max_length) if feature.pad else codes
