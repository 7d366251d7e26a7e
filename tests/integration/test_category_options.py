"""Hashed, shared and combined categories end to end: prepared, trained, exported, requested."""

import numpy as np
import pytest
from merlin.schema import Tags

from ensemble.in_process import served_in_process
from models.layers.pooling import EmbeddingTables
from models.layers.towers import tower
from models.prepared import PreparedData
from models.train import train
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from tests.models import shop

FEATURES = {
    "user": {
        "age": {"kind": "bucket", "boundaries": [30.0, 50.0]},
        "country": {"kind": "categorical", "hash_bins": 6},
        "hobbies": {"kind": "categorical", "list": True, "max_length": 2, "shared": "words"},
        "group": {"kind": "combined", "of": ["age", "country"]},
    },
    "item": {
        "tags": {
            "kind": "categorical",
            "list": True,
            "max_length": 3,
            "keep": "last",
            "shared": "words",
        },
    },
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Artifacts]:
    folder = tmp_path_factory.mktemp("options")
    shop.write_files(folder)
    short = {"max_epochs": 1}
    recipe = shop.recipe(folder, features=FEATURES, retriever=short, ranker=short)
    artifacts = shop.prepared(folder, recipe)
    train(recipe, artifacts, force=False)
    return recipe, artifacts


def test_both_towers_hold_one_table_of_shared_words(trained: tuple[Recipe, Artifacts]) -> None:
    """What is learnt about a word as a customer's hobby also applies to it as a product's tag."""
    recipe, artifacts = trained
    data = PreparedData(artifacts.prepared)
    tables = EmbeddingTables(8, seed=1)
    towers = []
    for schema, columns in ((data.query_schema, data.users), (data.candidate_schema, data.items)):
        side = tower(schema.remove_by_tag(Tags.SEQUENCE), [], tables, recipe.retriever)
        side({name: column[:2] for name, column in columns.items()})
        towers.append(side)
    query, candidate = ({id(one) for one in side.trainable_variables} for side in towers)
    assert query & candidate == {id(tables.of(data.schema["tags"]).table.embeddings)}
    assert tables.of(data.schema["tags"]) is tables.of(data.schema["hobbies"])


def test_a_request_brings_the_parts_of_a_combination(trained: tuple[Recipe, Artifacts]) -> None:
    """For an unknown user, with an unseen country or without any feature."""
    with served_in_process(*trained) as plan:
        plain, young, old = (
            plan.recommend(["nobody"], user_features=given)
            for given in ({}, {"age": 20, "country": "XX"}, {"age": 60, "country": "XX"})
        )
    scores = np.stack([plain.scores, young.scores, old.scores])
    assert np.isfinite(scores).all()
    assert len({tuple(row.ravel().tolist()) for row in scores}) == 3
