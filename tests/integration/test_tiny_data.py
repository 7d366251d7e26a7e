"""As little data as possible: training succeeds, or is refused with a reason."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.in_process import served_in_process
from models.train import train
from recipes.load import load
from recipes.schema.recipe import Recipe
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.readme_shop import write_shop
from workflows.prepare import prepare

RECIPE = """
name = "tiny"
[source]
kind = "parquet"
interactions = "orders.parquet"
items = "products.parquet"
[columns]
user = "customer"
item = "product"
[features.item]
price = { kind = "numeric" }
[split]
kind = "random"
valid = 0.01
[retriever]
max_epochs = 1
[ranker]
max_epochs = 1
"""


def prepared(folder: Path, text: str, customers: int) -> tuple[Recipe, Artifacts]:
    """Some of the shop's customers under another recipe."""
    write_shop(folder, customers, products=8)
    return prepared_again(folder, text)


def prepared_again(folder: Path, text: str) -> tuple[Recipe, Artifacts]:
    """The tables in ``folder`` as they are now, under another recipe."""
    (folder / "shop.toml").write_text(text)
    recipe, artifacts = load(str(folder / "shop.toml")), Artifacts(folder / "artifacts")
    ingest(recipe, artifacts, None)
    prepare(recipe, artifacts, force=False)
    return recipe, artifacts


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Artifacts]:
    """Only one order is held out for validation: the ranker has one user to learn from."""
    recipe, artifacts = prepared(tmp_path_factory.mktemp("tiny"), RECIPE, customers=20)
    train(recipe, artifacts, force=False)
    return recipe, artifacts


def test_one_order_to_validate_on_is_enough(trained: tuple[Recipe, Artifacts]) -> None:
    """Fewer rows than a batch, users without any validation row: the funnel still answers."""
    with served_in_process(*trained) as plan:
        answer = plan.recommend(["0", "nobody"], top_k=3)
    assert answer.known_user.tolist() == [True, False]
    assert np.isfinite(answer.scores).all()


def test_numeric_features_reach_the_ranker(trained: tuple[Recipe, Artifacts]) -> None:
    """Candidates that differ only in their price differ in their score."""
    session = onnxruntime.InferenceSession(str(trained[1].models.onnx("ranker")))
    rows = {
        # Numbers of realistic size: far larger ones would drown the price.
        each.name: np.zeros((3, 1), np.float32)
        if "float" in each.type
        else np.ones((3, 1), np.int64)
        for each in session.get_inputs()
    }
    rows["price"] = np.array([[-2.0], [0.0], [2.0]], np.float32)
    assert len(set(session.run(None, rows)[0].ravel().tolist())) == 3


def test_a_single_interaction_cannot_be_trained_on(tmp_path: Path) -> None:
    """An item is learnt against others: with one interaction there are none, and the error says so."""
    text = RECIPE.replace("valid = 0.01", "valid = 0.5")
    recipe, artifacts = prepared(tmp_path, text, customers=1)
    with pytest.raises(ShortlistError, match=r"at least 2 positives .* got 1"):
        train(recipe, artifacts, force=False)
    assert not artifacts.models.root.exists()


SEVERAL = RECIPE.replace(
    "[retriever]",
    """[interactions]
history_length = 9
[serving]
candidates = 10
generators = ["two-tower", "linear", "als", "popularity"]
[retriever]
kind = "masked-softmax"
patience = 0""",
).replace(
    "[ranker]",
    """[ranker]
loss = "listwise"
folds = 2
patience = 0
features = ["retrieval_score", "retrieval_score_zscore", "linear_zscore", "als_zscore"]
blend = 0.5""",
)


@pytest.mark.parametrize(("customers", "valid"), [(2, 0.2), (4, 0.01), (20, 0.01)])
def test_several_sources_of_next_to_nothing(tmp_path: Path, customers: int, valid: float) -> None:
    """With hardly any users, or nothing held out in a fold, the funnel answers with finite scores."""
    text = SEVERAL.replace("valid = 0.01", f"valid = {valid}")
    recipe, artifacts = prepared(tmp_path, text, customers)
    train(recipe, artifacts, force=False)
    with served_in_process(recipe, artifacts) as plan:
        answer = plan.recommend(["0", "nobody"], top_k=3)
    assert np.isfinite(answer.scores[answer.item_ids != ""]).all()
    assert (answer.item_ids != "").any(axis=1).all()


def test_a_catalogue_of_one_item_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Everyone has the item already, so nothing is left to rank; without a ranker it is answered."""
    write_shop(tmp_path, customers=12, products=2)
    orders = pq.read_table(tmp_path / "orders.parquet").select(["customer", "product"])
    same = pa.table({"customer": orders["customer"], "product": ["p0"] * len(orders)})
    pq.write_table(pa.concat_tables([same] * 4), tmp_path / "orders.parquet")
    pq.write_table(
        pq.read_table(tmp_path / "products.parquet").slice(0, 1), tmp_path / "products.parquet"
    )
    text = RECIPE.replace("[split]", "[interactions]\nrepeats = true\n[split]")
    text = text.replace('kind = "random"\nvalid = 0.01', 'kind = "stratified"\nvalid = 0.3')
    for ranker, complaint in (("max_epochs = 1", "got none: each user"), ('kind = "none"', None)):
        recipe, artifacts = prepared_again(tmp_path, text.rsplit("max_epochs", 1)[0] + ranker)
        if complaint is None:
            train(recipe, artifacts, force=False)
            with served_in_process(recipe, artifacts) as plan:
                answer = plan.recommend(["nobody"], top_k=3)
            assert answer.item_ids[0].tolist() == ["p0", "", ""]
        else:
            with pytest.raises(ShortlistError, match=complaint):
                train(recipe, artifacts, force=False)


EMPTY = {"price": pa.nulls(8, pa.float64()), "tags": pa.nulls(8, pa.list_(pa.string()))}
SAME = {"price": [1.0] * 8, "tags": [["gift"]] * 8}


@pytest.mark.parametrize("columns", [EMPTY, SAME], ids=["without a value", "with one value"])
def test_features_that_say_nothing_do_no_harm(tmp_path: Path, columns: dict[str, Any]) -> None:
    """Their variance is zero and their vocabulary may be empty; scores stay finite."""
    write_shop(tmp_path, customers=12, products=8)
    table = pq.read_table(tmp_path / "products.parquet").select(["product"])
    pq.write_table(
        pa.table({"product": table["product"], **columns}), tmp_path / "products.parquet"
    )
    text = RECIPE.replace(
        "[split]", 'tags = { kind = "categorical", list = true }\n[split]'
    ).replace("valid = 0.01", "valid = 0.2")
    recipe, artifacts = prepared_again(tmp_path, text)
    train(recipe, artifacts, force=False)
    with served_in_process(recipe, artifacts) as plan:
        answer = plan.recommend(["0", "nobody"], top_k=3)
    assert (answer.item_ids != "").all()
    assert np.isfinite(answer.scores).all()


LABELLED = RECIPE.replace(
    'item = "product"', 'item = "product"\nlabel = "stars"\nweight = "weight"'
)
LABELLED = LABELLED.replace("valid = 0.01", "valid = 0.2")


@pytest.mark.parametrize("target", ["label", "positives"])
def test_one_label_and_one_weight_are_trained_on(tmp_path: Path, target: str) -> None:
    """All labels equal, all weights equal, every interaction positive: finite scores all the same."""
    write_shop(tmp_path, customers=12, products=8)
    orders = pq.read_table(tmp_path / "orders.parquet")
    for name in ("stars", "weight"):
        orders = orders.append_column(name, pa.array([3.0] * len(orders)))
    pq.write_table(orders, tmp_path / "orders.parquet")
    condition = '[interactions]\npositive = "stars > 1"\n[split]'
    text = LABELLED.replace("[split]", condition) + f'target = "{target}"\n'
    recipe, artifacts = prepared_again(tmp_path, text)
    train(recipe, artifacts, force=False)
    with served_in_process(recipe, artifacts) as plan:
        answer = plan.recommend(["0", "nobody"], top_k=3)
    assert np.isfinite(answer.scores).all()
