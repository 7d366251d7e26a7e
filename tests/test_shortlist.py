"""The Python interface, on the made-up shop."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from recipes.load import of_tables
from runtime.request import Request
from shortlist import Recipe, ShortlistError
from tests.models import shop

SHORT = {"retriever.max_epochs": 1, "ranker.max_epochs": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The shop from its tables to a release."""
    folder = tmp_path_factory.mktemp("python")
    shop.write_files(folder)
    recipe = Recipe(shop.recipe(folder), folder / "artifacts").with_settings(SHORT)
    assert recipe.prepare().train() is recipe
    report = recipe.evaluate()
    assert report["recipe"] == "two-tastes"
    assert recipe.export().name == "1"
    return recipe


def test_a_recipe_comes_from_a_name_a_path_or_tables(tmp_path: Path) -> None:
    """All three give the same settings; errors are the same as for a file."""
    named = Recipe("movielens-100k")
    root = Path(sys.modules["recipes.load"].__file__ or "").parent
    by_path = Recipe(root / "movielens-100k.toml")
    by_tables = Recipe(named.settings.model_dump(mode="json"), tmp_path)
    assert named.settings == by_path.settings == by_tables.settings
    assert (named.name, named.artifacts.root.name) == ("movielens-100k", "movielens-100k")
    assert by_tables.artifacts.root == tmp_path
    with pytest.raises(ShortlistError, match=r"retriever\.seed: expected a valid integer"):
        named.with_settings({"retriever.seed": "x"})
    with pytest.raises(
        ShortlistError, match="columns: expected a value for this required key, got none"
    ):
        Recipe({"name": "x", "source": {"kind": "movielens-100k"}, "split": {"kind": "random"}})


def test_changed_settings_leave_the_recipe_unchanged(made: Recipe) -> None:
    """The other recipe has the same artifacts unless it is given others."""
    other = made.with_settings({"retriever.seed": 7})
    assert (other.settings.retriever.seed, made.settings.retriever.seed) == (7, 42)
    assert other.artifacts == made.artifacts
    assert of_tables(other.settings.model_dump(mode="json")) == other.settings


def test_this_process_and_the_server_answer_alike(made: Recipe) -> None:
    """Ids with keywords, or requests; over gRPC and HTTP."""
    users = ["c1", "c2", "nobody"]
    here = made.recommend(users, top_k=3)
    assert here.item_ids.shape == (3, 3)
    assert here.known_user.tolist() == [True, True, False]
    assert here.release == "1"
    asked = [Request(user_id=user, top_k=3) for user in users]
    assert made.server() is None
    with made.serve() as server:
        assert made.server() == server.address
        answers = [server.recommend(users, top_k=3), server.recommend(asked)]
        with server.client("http") as client:
            answers.append(client.recommend(users, top_k=3))
    answers.append(made.recommend(asked))
    for answer in answers:
        np.testing.assert_array_equal(answer.item_ids, here.item_ids)
        np.testing.assert_array_equal(answer.scores, here.scores)
    assert made.server() is None


def test_an_explanation_is_read(made: Recipe) -> None:
    """In this process as from a server: a dict for each user, None if not requested."""
    (story,) = made.recommend(["c1"], explain=True).explanations
    assert story is not None
    assert json.dumps(story["items"])
    assert made.recommend(["c1"]).explanations == [None]


def test_events_and_releases_count_at_once(made: Recipe) -> None:
    """A recorded event affects the next answer; a new release is used at once."""
    from runtime.stores.feature_store import Event

    first = made.recommend(["c3"], top_k=1).item_ids[0, 0]
    with made.feature_store() as store:
        store.record([Event.of("c3", str(first), "interaction", None, None)])
    assert made.recommend(["c3"], top_k=1).item_ids[0, 0] != first
    assert made.export(force=True).name == "2"
    assert made.recommend(["c3"], top_k=1).release == "2"
    assert [each.release for each in made.releases()] == [1, 2]


def test_invalid_requests_are_explained(made: Recipe, tmp_path: Path) -> None:
    """With the server's message; without a release, with the command that makes one."""
    with pytest.raises(ShortlistError, match=r"expected options among .* got 'topk'"):
        made.recommend(["c1"], topk=3)
    with pytest.raises(ShortlistError, match="expected top_k from 1 to"):
        made.recommend(["c1"], top_k=0)
    with pytest.raises(ShortlistError, match="`shortlist export two-tastes` makes one"):
        Recipe(made.settings, tmp_path / "nothing").recommend(["c1"])
