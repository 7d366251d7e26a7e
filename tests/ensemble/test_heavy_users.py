"""A user with 100,000 interactions costs what an ordinary one does, and neighbours notice nothing."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ensemble.feature_store.choice import store_of
from ensemble.feature_store.user_records import fill_feature_store, training_records
from ensemble.releases.export import export
from ensemble.releases.records import records_of
from runtime import plan
from runtime.candidates.seen import unpacked
from runtime.stores.feature_store import Event, UserRecord
from stages.artifacts import Artifacts
from tests.ensemble.synthetic import RECIPE, replace_interactions

PLAYS, PLAYED = 100_000, [40, 30, 20, 10, 9]
#: Of the recipe; the synthetic item 9 is out of vocabulary, but an item.
HISTORY = 6


@pytest.fixture(scope="module")
def heavy(
    artifacts: Artifacts, release: Path, tmp_path_factory: pytest.TempPathFactory
) -> Artifacts:
    """The recommender with one more user, 7000, who interacts with five items again and again."""
    copy = Artifacts(tmp_path_factory.mktemp("heavy") / "made-up")
    shutil.copytree(artifacts.root, copy.root)
    rows = pq.read_table(copy.raw.interactions).to_pydict()
    rows["user_id"] += [7000] * PLAYS
    rows["item_id"] += [PLAYED[n % 5] for n in range(PLAYS)]
    rows["time"] += list(range(PLAYS))
    replace_interactions(copy, rows)
    export(RECIPE, copy)
    return copy


def _loaded(artifacts: Artifacts) -> plan.Plan:
    releases = sorted((artifacts.model_repository / "recommender").glob("[0-9]*"))
    return plan.load(releases[-1], store_of(RECIPE, artifacts).open())


def test_what_is_kept_of_a_user_is_bounded(heavy: Artifacts) -> None:
    """The newest interactions that the models read or a person is shown, and each item once, in 4 bytes."""
    record = dict(training_records(RECIPE, heavy))["7000"]
    assert list(record.interactions) == [str(PLAYED[n % 5]) for n in range(10)]
    assert record.earlier == PLAYS - 10
    assert len(record.seen) == 4 * 5
    assert unpacked(record.seen).tolist() == [item - 1 for item in PLAYED]
    store = store_of(RECIPE, heavy).open()
    version = fill_feature_store(RECIPE, heavy, store).version
    (stored,) = store.get_many(["7000"], version)
    store.close()
    assert stored == record


def test_repeats_make_no_difference_but_to_the_history(heavy: Artifacts) -> None:
    """The answer is that of a user with the same history and items who did each thing once."""
    loaded = _loaded(heavy)
    store = store_of(RECIPE, heavy).open()
    version = records_of(heavy.model_repository / "recommender" / "2")
    (record,) = store.get_many(["7000"], version)
    assert record is not None
    light = UserRecord({}, record.interactions[-HISTORY:], seen=record.seen)
    everyone = dict(training_records(RECIPE, heavy)) | {"7001": light}
    store.load(version, everyone.items())
    store.close()
    answers = loaded.recommend(["7000", "7001"], top_k=50)
    assert answers.known_user.tolist() == [True, True]
    assert answers.item_ids[0].tolist() == answers.item_ids[1].tolist()
    assert answers.scores[0].tobytes() == answers.scores[1].tobytes()
    assert not {str(item) for item in PLAYED} & set(answers.item_ids[0])


def test_neighbours_in_the_same_batch_notice_nothing(heavy: Artifacts, tmp_path: Path) -> None:
    """Their answers are the same to the bit, and no array of the batch grows with the heavy user.

    That holds for recorded events too, of a user with as many as the store keeps.
    """
    loaded = _loaded(heavy)
    store = store_of(RECIPE, heavy).open()
    store.record(Event.of("8000", str(PLAYED[n % 5]), time=float(n)) for n in range(1000))
    store.close()
    others = ["1", "2", "3"]
    alone = loaded.recommend(others, top_k=20)
    together = loaded.recommend([*others, "7000", "8000"], top_k=20)
    assert together.item_ids[:3].tolist() == alone.item_ids.tolist()
    assert together.scores[:3].tobytes() == alone.scores.tobytes()
    assert (
        together.item_ids[3].tolist() == loaded.recommend(["7000"], top_k=20).item_ids[0].tolist()
    )
    columns = loaded.run(loaded.columns(loaded.request([*others, "7000", "8000"])))
    assert [len(rows) for rows in columns["seen_rows"][3:]] == [5, 5]
    numbers = [column for column in columns.values() if column.dtype != object]
    assert max(np.prod(column.shape[1:], dtype=int) for column in numbers) < 5000
