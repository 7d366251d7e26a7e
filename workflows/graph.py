"""NVTabular graphs built from the recipe's feature list. Read this file alongside a recipe.

interactions >> Join(users) >> Join(items)                         -> rows with every raw column
rows >> ids, categories, buckets, numbers, history, time and label -> encoded rows
"""

from pathlib import Path

import merlin.dtypes as md
import numpy as np
import polars as pl
from merlin.dag import ColumnSelector, Node
from merlin.schema import ColumnSchema, Schema, Tags
from nvtabular import Workflow
from nvtabular.ops import AddTags

from features.category import Category, Ids
from features.codes import Intervals
from features.kind import FeatureKind
from features.number import Number
from features.operators.categorify import Categorify
from features.operators.hash_codes import HashCodes
from features.operators.interval_codes import FittedIntervalCodes, IntervalCodes
from features.operators.normalize import MinMax, Normalize
from recipes.schema.recipe import Recipe
from runtime.safe_names import safe_name
from stages.artifacts import Preparing
from stages.columns import PART, POSITIVE, WEIGHT
from workflows.operators.history import History
from workflows.operators.join import Join
from workflows.partitions import arrow_table, write_table
from workflows.splits import IN_TIME
from workflows.tables import Tables

_DTYPES = {"integer": md.int64, "string": md.string, "float": md.float64, "boolean": md.boolean}


def join_workflow(
    recipe: Recipe, tables: Tables, preparing: Preparing, columns: list[str], gpu: bool
) -> Workflow:
    """Join interactions, with ``columns``, to the remaining raw features of their user and item.

    Writes both tables to files for the processes that join them.
    """
    nodes = ColumnSelector(columns)
    for table, key in ((tables.users, recipe.columns.user), (tables.items, recipe.columns.item)):
        further = table[[name for name in table.columns if name == key or name not in columns]]
        path = preparing.side(safe_name(key))
        write_table(arrow_table(further), path)
        nodes = nodes >> Join(path, key, side_schema(further, tables.value_types), gpu)
    return Workflow(nodes)


def side_schema(table: pl.DataFrame, value_types: dict[str, str]) -> Schema:
    """Return the schema of a raw users or items table; Merlin cannot infer it from lists of nulls."""
    columns = table.schema.items()
    return Schema(
        [_raw_column(name, value_types, isinstance(dtype, pl.List)) for name, dtype in columns]
    )


def _raw_column(name: str, value_types: dict[str, str], several: bool) -> ColumnSchema:
    dims = (None, (0, None)) if several else (None,)
    return ColumnSchema(name, dtype=_DTYPES[value_types.get(name, "float")], dims=dims)


def joined_schema(partition: pl.Schema, tables: Tables) -> Schema:
    """Return the schema of a partition of the interactions after ``join_workflow``."""
    own = [name for name in partition if name not in tables.value_types]
    sides = [side_schema(table, tables.value_types) for table in (tables.users, tables.items)]
    plain = [ColumnSchema(name, dtype=_numpy(partition[name]), dims=(None,)) for name in own]
    return sum(sides, Schema()) + Schema(plain)


def _numpy(dtype: pl.DataType) -> np.dtype:
    return pl.Series([], dtype=dtype).to_numpy().dtype


class FeatureGraph:
    """Graphs that encode rows, users and items and share their fitted operators.

    Fitting the workflow of ``rows()`` also fits those of ``users()`` and ``items()``, and writes
    vocabularies below ``folder``.
    """

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.recipe = recipe
        columns, vocabulary = recipe.columns, recipe.vocabulary
        features = recipe.features.both
        categories = {name: one for name, one in features.items() if isinstance(one, Category)}
        intervals = {name: one for name, one in features.items() if isinstance(one, Intervals)}
        # drop_rare has already removed rare ids, counted over more than the training part.
        thresholds = {
            columns.user: 1 if vocabulary.drop_rare else vocabulary.user_frequency_threshold,
            columns.item: 1 if vocabulary.drop_rare else vocabulary.item_frequency_threshold,
            **{name: one.frequency_threshold for name, one in categories.items()},
            **{
                one.shared_vocabulary: one.frequency_threshold
                for one in categories.values()
                if one.shared_vocabulary
            },
        }
        hashed = {
            name: (one.hash_bins, one.shared_vocabulary or name)
            for name, one in categories.items()
            if one.hash_bins
        }
        shared = {
            name: one.shared_vocabulary
            for name, one in categories.items()
            if one.shared_vocabulary and not one.hash_bins
        }
        given = {name: one.given_boundaries for name, one in intervals.items()}
        self.categorify = Categorify(shared, freq_threshold=thresholds, out_path=str(folder))
        self.hashes = HashCodes(hashed)
        self._given_intervals = IntervalCodes(
            {name: boundaries for name, boundaries in given.items() if boundaries is not None}
        )
        self._fitted_intervals = FittedIntervalCodes(intervals)
        self._normalize = Normalize(out_dtype=np.float32)
        self._min_max = MinMax(out_dtype=np.float32)

    def intervals(self, feature: Intervals) -> IntervalCodes:
        """Return the operator that finds intervals, with given or fitted boundaries."""
        return self._fitted_intervals if feature.given_boundaries is None else self._given_intervals

    def scaling(self, feature: Number) -> Normalize:
        """Return the operator that scales numbers."""
        return self._min_max if feature.scale == "min-max" else self._normalize

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
        if columns.timestamp is not None:
            outputs += [columns.timestamp] >> AddTags([Tags.TIME])
        if columns.label is not None:
            outputs += [columns.label] >> AddTags([Tags.TARGET])
        if self.recipe.weight is not None:
            outputs += [self.recipe.weight] >> AddTags([WEIGHT])
        outputs += [POSITIVE] >> AddTags([Tags.TARGET, Tags.BINARY_CLASSIFICATION])
        return Workflow(outputs + ColumnSelector([PART]))

    def users(self) -> Workflow:
        """The users table -> user id and features."""
        return Workflow(self._user())

    def items(self) -> Workflow:
        """The items table -> item id and features."""
        return Workflow(self._item(self._item_id()))

    def _user(self) -> Node:
        name = self.recipe.columns.user
        code = Ids().node(name, self, {}) >> AddTags([Tags.USER_ID, Tags.USER])
        return self._with_features(code, self.recipe.features.user, Tags.USER)

    def _item_id(self) -> Node:
        name = self.recipe.columns.item
        return Ids().node(name, self, {}) >> AddTags([Tags.ITEM_ID, Tags.ITEM])

    def _item(self, code: Node) -> Node:
        return self._with_features(code, self.recipe.features.item, Tags.ITEM)

    def _with_features(self, code: Node, features: dict[str, FeatureKind], side: Tags) -> Node:
        if not features:
            return code
        nodes: dict[str, Node] = {}
        for combined in (False, True):  # a crossed feature needs the codes of its parts
            for name, feature in features.items():
                if feature.is_combined == combined:
                    nodes[name] = feature.node(name, self, nodes)
        outputs = sum((nodes[name] for name in features), ColumnSelector())
        return code + (outputs >> AddTags([side]))
