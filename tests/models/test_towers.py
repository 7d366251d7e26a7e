"""What a tower hides in training; serving sees everything."""

import numpy as np
import pytest
import tensorflow as tf

from models.layers.pooling import EmbeddingTables
from models.layers.towers import Hide, tower
from models.prepared import Arrays, PreparedData
from recipes.schema.recipe import Recipe
from recipes.schema.retrievers import Softmax

#: The unknown values of the hand-written cases.
UNKNOWN_ID = {"id": np.array([2])}
UNKNOWN_ROW = {
    "id": np.array([2]),
    "number": np.array([0.5], np.float32),
    "list": np.array([[1, 0]]),
}


def inputs(rows: int = 2) -> dict[str, tf.Tensor]:
    """Columns as Merlin hands them over: scalars [rows, 1], lists [rows, length, 1]."""
    return {
        "id": tf.constant(np.full((rows, 1), 7)),
        "number": tf.constant(np.full((rows, 1), 3.0, np.float32)),
        "list": tf.constant(np.tile([[[8], [9]]], (rows, 1, 1))),
        "other": tf.constant(np.full((rows, 1), 4)),
    }


def test_everything_named_is_hidden_in_training_alone() -> None:
    """At rate 1 the named columns become the unknown row; other columns and serving are unaffected."""
    layer = Hide([UNKNOWN_ROW], rate=1.0)
    shown = inputs()
    hidden = layer(shown, training=True)
    assert hidden["id"].numpy().tolist() == [[2], [2]]
    assert hidden["number"].numpy().tolist() == [[0.5], [0.5]]
    assert hidden["list"].numpy().tolist() == [[[1], [0]], [[1], [0]]]
    assert hidden["other"].numpy().tolist() == [[4], [4]]
    assert {name: column.dtype for name, column in hidden.items()} == {
        name: column.dtype for name, column in shown.items()
    }
    for served in (layer(shown), Hide([UNKNOWN_ROW], rate=0.0)(shown, training=True)):
        for name, column in shown.items():
            np.testing.assert_array_equal(served[name], column)


def test_a_row_is_hidden_as_a_whole() -> None:
    """Some 30 % of ten thousand rows are hidden, each in all of its columns or in none."""
    tf.random.set_seed(1)
    hidden = Hide([UNKNOWN_ROW], rate=0.3)(inputs(10_000), training=True)
    ids = hidden["id"].numpy()[:, 0] == 2
    assert 0.28 < ids.mean() < 0.32
    np.testing.assert_array_equal(hidden["number"].numpy()[:, 0] == 0.5, ids)
    np.testing.assert_array_equal(
        hidden["list"].numpy()[:, :, 0] == [1, 0], ids[:, None].repeat(2, 1)
    )


def test_groups_are_hidden_each_on_its_own() -> None:
    """Hiding an id alone leaves the rest of its row; hiding a row hides its id, too."""
    tf.random.set_seed(1)
    hidden = Hide([UNKNOWN_ID, UNKNOWN_ROW], rate=0.5)(inputs(10_000), training=True)
    ids, numbers = hidden["id"].numpy()[:, 0] == 2, hidden["number"].numpy()[:, 0] == 0.5
    assert 0.47 < numbers.mean() < 0.53
    assert 0.72 < ids.mean() < 0.78
    assert ids[numbers].all()


def side_of(data: PreparedData, side: str) -> tuple[Arrays, Arrays]:
    """A side's columns and its unknown id."""
    if side == "query":
        codes = {data.user_id.name: data.unknown_user[data.user_id.name]}
        return data.queries(data.interactions("train")), codes
    return data.items, data.unknown_item


@pytest.mark.parametrize("side", ["query", "candidate"])
def test_a_tower_in_training_sees_the_unknown(
    data: PreparedData, recipe: Recipe, side: str
) -> None:
    """With nearly every id hidden, a training pass gives what serving gives for the unknown id."""
    options = recipe.retriever.model_dump() | {"unknown_rate": 0.9999999, "history_dropout": 0.0}
    schema = data.query_schema if side == "query" else data.candidate_schema
    columns, unknown = side_of(data, side)
    built = tower(schema, [unknown], EmbeddingTables(8, seed=1), Softmax(**options))
    rows = len(next(iter(columns.values())))
    hidden = {**columns, **{name: value.repeat(rows) for name, value in unknown.items()}}
    as_unknown = built(hidden).numpy()
    assert as_unknown.shape == (rows, 8)
    np.testing.assert_allclose(built(columns, training=True), as_unknown, atol=1e-6)
    assert np.abs(built(columns).numpy() - as_unknown).max() > 1e-3
