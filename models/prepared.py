"""Read what ``workflows`` prepared: schemas, encoded tables and interactions."""

import operator
from functools import cached_property, reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from merlin.schema import ColumnSchema, Schema, Tags
from merlin.schema.io.tensorflow_metadata import TensorflowMetadata

from models.interactions import Interactions, Labelled
from models.tensors import as_tensor, stored_name
from models.training.out_of_fold import OutOfFold
from runtime.features.codes import OUT_OF_VOCABULARY
from runtime.features.encoding import Encoding
from runtime.lists import padded_lists
from runtime.safe_names import safe_name
from stages.artifacts import Prepared
from stages.columns import FOR_RANKER, PLACE, POSITIVE, RAW_ID, SEEN, WEIGHT

__all__ = ["Arrays", "Interactions", "Labelled", "PreparedData", "cardinality", "list_length"]

Arrays = dict[str, np.ndarray]


class PreparedData:
    """The prepared data of a recipe; each table is read once."""

    def __init__(self, prepared: Prepared) -> None:
        self.files = prepared

    @cached_property
    def schema(self) -> Schema:
        """The columns of an encoded interaction, by the names that the models give them (``as_tensor``).

        Every list column has a fixed length, padded with 0.
        """
        folder, name = str(self.files.schema.parent), self.files.schema.name
        schema = TensorflowMetadata.from_proto_text_file(folder, name).to_merlin_schema()
        item = schema.select_by_tag(Tags.ITEM_ID).first.name
        return Schema([_fixed_length(as_tensor(column, item)) for column in schema])

    @property
    def query_schema(self) -> Schema:
        """The inputs of the query tower: user id, user features, history."""
        return _of_tower(self.schema, Tags.USER)

    @property
    def candidate_schema(self) -> Schema:
        """The inputs of the candidate tower: item id and item features."""
        return _of_tower(self.schema, Tags.ITEM)

    @property
    def pair_schema(self) -> Schema:
        """Inputs of the ranker alone: features that depend on both user and item.

        See ``models.training.out_of_fold``.
        """
        return self.schema.select_by_tag(FOR_RANKER)

    @property
    def user_id(self) -> ColumnSchema:
        return self.schema.select_by_tag(Tags.USER_ID).first

    @property
    def item_id(self) -> ColumnSchema:
        return self.schema.select_by_tag(Tags.ITEM_ID).first

    @property
    def history(self) -> ColumnSchema | None:
        """The user's earlier items, if the recipe asks for them."""
        columns = self.schema.select_by_tag(Tags.SEQUENCE)
        return columns.first if len(columns) else None

    @cached_property
    def users(self) -> Arrays:
        """Encoded columns of the users table by name, [users] or [users, length]."""
        return _columns(self.files.users, self.query_schema)

    @cached_property
    def items(self) -> Arrays:
        """Encoded columns of the items table by name, in row order."""
        return _columns(self.files.items, self.candidate_schema)

    @cached_property
    def raw_user_ids(self) -> list[str]:
        """Raw user ids in row order."""
        return [
            str(one)
            for one in pq.read_table(self.files.users, columns=[RAW_ID])[RAW_ID].to_pylist()
        ]

    @cached_property
    def raw_item_ids(self) -> list[str]:
        """Raw item ids in row order."""
        return [
            str(one)
            for one in pq.read_table(self.files.items, columns=[RAW_ID])[RAW_ID].to_pylist()
        ]

    @property
    def unknown_user(self) -> Arrays:
        """The query of an unknown user, [1] or [1, length]: no feature, no history."""
        return {name: self._nothing_known[name] for name in self.query_schema.column_names}

    @cached_property
    def _nothing_known(self) -> Arrays:
        encoding = Encoding.load(self.files.encoding)
        columns = {self.user_id.name: np.array([OUT_OF_VOCABULARY])}
        for each in encoding.user_features:
            columns[safe_name(each.name)] = each.encode(*[[None]] * len(each.columns))
        if self.history is not None:
            columns[self.history.name] = encoding.encode_history([[]])
        return columns

    @cached_property
    def _out_of_fold(self) -> OutOfFold:
        return OutOfFold.read(self.files)

    @property
    def unknown_item(self) -> Arrays:
        """The columns that differ for an unknown item: its out-of-vocabulary id, [1]."""
        return {self.item_id.name: np.array([OUT_OF_VOCABULARY])}

    @property
    def user_count(self) -> int:
        return len(self.users[self.user_id.name])

    @property
    def item_count(self) -> int:
        return len(self.items[self.item_id.name])

    def interactions(self, *parts: str) -> Interactions:
        """The positives of one or more of ``train``, ``valid`` and ``test``, in chronological order."""
        return self.labelled(*parts).in_order

    def seen_beside(self, visible: Interactions, relevant: Interactions) -> Interactions:
        """What users have seen in the training part, besides the ``relevant`` pairs that they are to find.

        ``visible``: the other positives of the training part, which mostly are the same.
        """
        if self._seen_column == POSITIVE:
            return visible
        seen = self.labelled("train", "valid").all_seen
        pairs, wanted = (each.users * self.item_count + each.items for each in (seen, relevant))
        kept = ~np.isin(pairs, wanted)
        return seen.at(kept)

    @cached_property
    def _seen_column(self) -> str:
        """The column of the prepared interactions that marks what counts as seen."""
        file = next(self.files.raw_interactions("train").glob("*.parquet"))
        return SEEN if SEEN in pq.read_schema(file).names else POSITIVE

    def labelled(self, *parts: str) -> Labelled:
        """All interactions of one or more of ``train``, ``valid`` and ``test``, one part after another."""
        return reduce(operator.add, map(self._labelled, parts))

    def _labelled(self, part: str) -> Labelled:
        user, item = stored_name(self.user_id), stored_name(self.item_id)
        targets = map(stored_name, self.schema.select_by_tag(Tags.TARGET))
        label = [name for name in targets if name != POSITIVE]
        weight = [stored_name(column) for column in self.schema.select_by_tag(WEIGHT)]
        folder, seen = self.files.raw_interactions(part), self._seen_column
        own = [user, item, *label, *weight, POSITIVE, PLACE, seen]
        table = pq.read_table(folder, columns=list(dict.fromkeys(own)))
        ones = np.ones(len(table), np.float32)
        return Labelled(
            self._rows(table, user, self.files.users),
            self._rows(table, item, self.files.items),
            table[label[0]].to_numpy().astype(np.float32) if label else ones,
            table[weight[0]].to_numpy().astype(np.float32) if weight else ones,
            table[POSITIVE].to_numpy(),
            table[seen].to_numpy(),
            table[PLACE].to_numpy(),
        )

    def pair_columns(self, users: np.ndarray, items: np.ndarray) -> Arrays:
        """The features and ids of user rows and item rows, both [n], without the history.

        Columns of ``pair_schema`` have the out-of-fold values of training pairs.
        """
        columns = {name: column[users] for name, column in self.users.items()}
        columns |= {name: column[items] for name, column in self.items.items()}
        return columns | self.of_both(users, items)

    def pair_columns_of_unknown(self, users: np.ndarray, items: np.ndarray) -> Arrays:
        """As ``pair_columns``, for unknown users."""
        return self._as_unknown(self.pair_columns(users, items), len(users))

    def of_both(self, users: np.ndarray, items: np.ndarray, known: bool = True) -> Arrays:
        """The columns of ``pair_schema`` for training pairs, [n]; not ``known``: of unknown users."""
        columns = self._out_of_fold.of_pairs(users, items)
        return columns if known else self._as_unknown(columns, len(users))

    def _as_unknown(self, columns: Arrays, rows: int) -> Arrays:
        return columns | {
            name: np.repeat(value, rows, axis=0)
            for name, value in self._nothing_known.items()
            if name in columns
        }

    def _rows(self, table: pa.Table, name: str, side: Path) -> np.ndarray:
        """The table rows of raw ids, int64 [n]."""
        raw_ids = pq.read_table(side, columns=[RAW_ID])[RAW_ID].combine_chunks()
        rows = pc.index_in(table[name].cast(pa.string()), raw_ids)
        return rows.to_numpy().astype(np.int64)

    def queries(self, visible: Interactions, rows: np.ndarray | None = None) -> Arrays:
        """Query tower inputs of users, [n] or [n, length], with ``visible`` as their history.

        ``rows``: the user rows; every user by default.
        """
        chosen = np.arange(self.user_count) if rows is None else rows
        columns = {name: column[chosen] for name, column in self.users.items()}
        if self.history is not None:
            length = list_length(self.history)
            codes = self.items[self.item_id.name]
            past = visible.newest(chosen, length)
            columns[self.history.name] = np.where(past >= 0, codes[past], 0).astype(np.int64)
        return columns

    def item_counts(self, visible: Interactions) -> np.ndarray:
        """Interactions per item code, float32 [cardinality]."""
        codes = self.items[self.item_id.name][visible.items]
        return np.bincount(codes, minlength=cardinality(self.item_id)).astype(np.float32)


def _of_tower(schema: Schema, side: Tags) -> Schema:
    columns = schema.select_by_tag(side)
    return columns.excluding_by_name(columns.select_by_tag(FOR_RANKER).column_names)


def cardinality(column: ColumnSchema) -> int:
    """Number of codes of a categorical column, 0 included."""
    return int(column.int_domain.max) + 1


def list_length(column: ColumnSchema) -> int:
    """Fixed length of a list column."""
    return int(column.value_count.max)


def _fixed_length(column: ColumnSchema) -> ColumnSchema:
    if not column.is_list:
        return column
    length = list_length(column)
    return ColumnSchema(
        column.name,
        tags=column.tags,
        properties={**column.properties, "value_count": {"min": length, "max": length}},
        dtype=np.int64,
        is_list=True,
        is_ragged=False,
    )


def _columns(path: Path, schema: Schema) -> Arrays:
    frame = pq.read_table(path).to_pandas()
    # the users table has no history
    found = [column for column in schema if stored_name(column) in frame]
    arrays = {column.name: frame[stored_name(column)].to_numpy() for column in found}
    lists = {column.name: list_length(column) for column in found if column.is_list}
    return arrays | {
        name: padded_lists(list(arrays[name]), np.int64, length) for name, length in lists.items()
    }
