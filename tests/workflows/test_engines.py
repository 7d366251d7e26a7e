"""One feature list, any engine: the same files, and workflows that are interchangeable."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.columns import HISTORY, POSITIVE
from stages.errors import ShortlistError
from tests.workflows.engines import assert_same, prepared_by, random_recipe, shops
from tests.workflows.served import assert_served_as_prepared
from tests.workflows.shop import write_shop
from workflows.engines.choice import chosen_engine, polars_engine
from workflows.engines.polars_vocabularies import counted
from workflows.prepare import prepare

Build = Callable[..., Recipe]


@given(shop=shops())
# failures are not shrunk: every step of that would take two preparations
@settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_any_tables_and_features_come_out_the_same(
    shop: tuple[Recipe, dict[str, pa.Table]],
) -> None:
    """Nulls, NaN, empty lists, huge integers, repeated pairs, hostile names: Polars equals NVTabular."""
    recipe, tables = shop
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("workflows.partitions.ROWS_PER_PARTITION", 10)
        one = prepared_by("polars", recipe, tables, Path(folder))
        other = prepared_by("dask", recipe, tables, Path(folder))
        if isinstance(one, str) or isinstance(other, str):
            assert one == other  # both refuse, for the same reason
        else:
            assert_same(one, other)
            assert_served_as_prepared(one)


def test_lists_of_which_none_has_a_value(tmp_path: Path) -> None:
    """Merlin infers types from values and fails if there are none: the schema provides them."""
    tables = {
        "interactions": pa.table(
            {"who": [1, 2, 3] * 4, "what": [1, 2] * 6, "at": [0] * 12, "stars": [1] * 12}
        ),
        "users": pa.table({"who": [1, 2, 3]}),
        "items": pa.table({"what": [1, 2], "i0": pa.array([[], []], pa.list_(pa.string()))}),
    }
    recipe = random_recipe(
        features={"item": {"i0": {"kind": "categorical", "list": True}}},
        interactions={"repeats": True},
    )
    both = [prepared_by(engine, recipe, tables, tmp_path) for engine in ("polars", "dask")]
    assert pd.read_parquet(both[0].prepared.items)["i0"].map(len).tolist() == [0, 0]
    assert_same(*both)


def test_the_made_up_shop_comes_out_the_same(tmp_path: Path, shop_recipe: Build) -> None:
    """Every kind of feature at once, over several partitions."""
    both = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workflows.partitions.ROWS_PER_PARTITION", 75)
        for engine in ("polars", "dask"):
            artifacts = Artifacts(tmp_path / engine)
            write_shop(artifacts.raw)
            prepare(shop_recipe(), artifacts, force=False, engine=engine, encoded_rows=True)
            both.append(artifacts)
    assert_same(*both)


def test_a_workflow_fitted_by_polars_transforms_in_nvtabular(
    shop: Artifacts, shop_recipe: Build
) -> None:
    """NVTabular loads it and encodes the raw rows as Polars wrote them."""
    prepare(shop_recipe(), shop, force=False, engine="polars", encoded_rows=True)
    from nvtabular import Workflow

    from stages.columns import PART
    from workflows.engines.cluster import computing
    from workflows.operators.join import pandas_side
    from workflows.tables import read_tables

    tables = read_tables(shop_recipe(), shop.raw)
    raw = pd.read_parquet(shop.prepared.raw_interactions("test"))
    rows = raw.merge(pandas_side(tables.users), on="customer", how="left")
    rows = rows.merge(pandas_side(tables.items), on="sku", how="left")
    with computing(1, None):
        workflow = Workflow.load(shop.prepared.workflow)
        encoded = workflow.transform(rows.assign(**{PART: 2}))
    files = sorted(shop.prepared.interactions("test").glob("*.parquet"))
    written = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    for name in set(written) - {HISTORY, POSITIVE, "tags", "sizes"}:
        assert encoded[name].tolist() == written[name].tolist(), name
    for name in ("tags", "sizes"):
        assert [list(one) for one in encoded[name]] == [list(one) for one in written[name]], name


def test_polars_does_not_take_workers() -> None:
    """It is one process: the message says what to remove, or which engine to use."""
    with pytest.raises(ShortlistError, match=r"one process.*--engine dask"):
        chosen_engine("polars", 2, None)


def test_the_engine_follows_from_the_machine_and_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A GPU: cudf; workers or a scheduler: dask; else polars; an explicit engine overrides all."""
    monkeypatch.setattr("workflows.engines.choice.gpu_is_present", lambda: False)
    assert chosen_engine(None, 1, None) == "polars"
    assert chosen_engine(None, 2, None) == chosen_engine(None, 1, "tcp://a:1") == "dask"
    assert chosen_engine("dask", 1, None) == "dask"
    with pytest.raises(ShortlistError, match=r"CUDA device.*--extra gpu"):
        chosen_engine("cudf", 1, None)
    monkeypatch.setattr("workflows.engines.choice.gpu_is_present", lambda: True)
    assert chosen_engine(None, 1, None) == chosen_engine(None, 2, None) == "cudf"
    assert chosen_engine("polars", 1, None) == "polars"


def test_polars_counts_on_a_gpu_where_both_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a device, or without the package cudf-polars, it counts on the CPU."""
    monkeypatch.setattr("workflows.engines.choice.find_spec", lambda name: object())
    monkeypatch.setattr("workflows.engines.choice.gpu_is_present", lambda: True)
    assert polars_engine() == "gpu"
    monkeypatch.setattr("workflows.engines.choice.gpu_is_present", lambda: False)
    assert polars_engine() == "auto"
    monkeypatch.setattr("workflows.engines.choice.find_spec", lambda name: None)
    monkeypatch.setattr("workflows.engines.choice.gpu_is_present", lambda: True)
    assert polars_engine() == "auto"


@pytest.mark.gpu
@pytest.mark.parametrize("values", [[3, 1, 3, None, 2], ["b", "a", "b", None, "ä"]])
def test_a_gpu_counts_as_the_cpu_does(values: list) -> None:
    """Values, sizes and order, without falling back to the CPU."""
    pytest.importorskip("cudf_polars")
    counts = counted(pl.LazyFrame({"a": values, "size": [1] * 5}), "a", pl.col("size").sum())
    assert counts.collect(engine=pl.GPUEngine(raise_on_fail=True)).equals(counts.collect())


def test_unsigned_values_in_lists_stay_unsigned_beside_a_null(tmp_path: Path) -> None:
    """A vocabulary has the type of its column, whether or not values are missing."""
    tables = {
        "interactions": pa.table(
            {"who": [1, 2, 3] * 4, "what": [1, 2] * 6, "at": [0] * 12, "stars": [1] * 12}
        ),
        "users": pa.table({"who": [1, 2, 3]}),
        "items": pa.table(
            {"what": [1, 2], "i0": pa.array([[5, None], [1 << 63]], pa.list_(pa.uint64()))}
        ),
    }
    recipe = random_recipe(
        features={"item": {"i0": {"kind": "categorical", "list": True}}},
        interactions={"repeats": True},
    )
    assert_same(
        *(prepared_by(engine, recipe, tables, tmp_path / engine) for engine in ("polars", "dask"))
    )
