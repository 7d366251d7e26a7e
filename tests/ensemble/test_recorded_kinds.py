"""A release that tells kinds of events apart: what counts in its answers, and what may be recorded."""

import json
import shutil
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import pytest

from ensemble.feature_store.choice import store_of
from ensemble.feature_store.event_file import record_lines
from ensemble.feature_store.known_events import KnownEvents
from ensemble.releases.export import export
from runtime.candidates.catalogue import Catalogue
from runtime.event_kinds import EventKinds
from runtime.plan import Plan, load
from runtime.stores.feature_store import Event, FeatureStore
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.synthetic import RECIPE

KINDS = EventKinds("event", ("buy", "like", "view"), ("buy", "like"), ("buy",))


@pytest.fixture(scope="module")
def exported(artifacts: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """A release whose recipe has kinds: purchases and likes are the history, only purchases are hidden."""
    root = tmp_path_factory.mktemp("kinds") / "made-up"
    ignored = shutil.ignore_patterns("model_repository", "*.sqlite*", "served.json")
    copied = Artifacts(Path(shutil.copytree(artifacts.root, root, ignore=ignored)))
    copied.prepared.event_kinds.write_text(json.dumps(asdict(KINDS)), encoding="utf-8")
    export(RECIPE, copied)
    return copied


@pytest.fixture(scope="module")
def store(exported: Artifacts) -> FeatureStore:
    return store_of(RECIPE, exported).open()


@pytest.fixture(scope="module")
def release(exported: Artifacts) -> Path:
    return exported.model_repository / "recommender" / "1"


@pytest.fixture(scope="module")
def plan(release: Path, store: FeatureStore) -> Plan:
    return load(release, store)


@pytest.mark.parametrize(
    ("user", "kind", "in_history", "hidden"),
    [
        ("new", "view", False, False),
        ("newer", "like", True, False),
        ("newest", "buy", True, True),
        ("1", "an old name", False, False),
    ],
)
def test_an_event_counts_by_its_kind(
    plan: Plan,
    release: Path,
    store: FeatureStore,
    user: str,
    kind: str,
    in_history: bool,
    hidden: bool,
) -> None:
    """For known and new users alike; a kind that the release does not know counts for nothing."""
    item = str(plan.recommend([user], top_k=1).item_ids[0, 0])
    store.record([Event.of(user, item, kind, time=1.0)])
    made = plan.run(plan.columns(plan.request([user])))
    assert (item in made["interactions"][0]) == in_history
    assert (Catalogue.load(release).row(item) in made["had_rows"][0]) == hidden
    assert (item not in plan.recommend([user], top_k=50).item_ids[0].tolist()) == hidden


def test_users_of_a_batch_do_not_affect_each_other(plan: Plan, store: FeatureStore) -> None:
    """A user with events beside others: each gets the answer of a request alone."""
    store.record(
        [Event.of("8", "4", "like"), Event.of("8", "5", "buy"), Event.of("9", "5", "view")]
    )
    together = plan.recommend(["8", "9", "3"])
    for row, user in enumerate(["8", "9", "3"]):
        assert plan.recommend([user]).item_ids[0].tolist() == together.item_ids[row].tolist()


def test_only_known_items_and_kinds_are_recorded(exported: Artifacts) -> None:
    """The message names the release, the kinds and the nearest one."""
    known = KnownEvents(RECIPE, exported)
    known.check(Event.of("7", "1", "view"))
    with pytest.raises(ShortlistError, match=r"expected an item of release 1, got 'none'; correct"):
        known.check(Event.of("7", "none", "view"))
    known.check(Event.of("7", "none", "view"), allow_new_items=True)
    expected = r"expected 'buy', 'like' or 'view' as the event, .* got 'veiw' \(did you mean 'view'"
    with pytest.raises(ShortlistError, match=expected):
        known.check(Event.of("7", "none", "veiw"), allow_new_items=True)


def test_a_refused_line_of_a_file_is_named(exported: Artifacts, store: FeatureStore) -> None:
    """The lines before it are recorded, and none after it."""
    ids = ["1", "2", "none", "3"]
    lines = [json.dumps({"user_id": "of lines", "item_id": each, "event": "buy"}) for each in ids]
    lines.insert(1, "")
    known = KnownEvents(RECIPE, exported)
    with pytest.raises(ShortlistError, match=r"^line 4: expected an item of release 1, got 'none'"):
        record_lines(
            store, BytesIO("\n".join(lines).encode()), lambda *_: None, known.first_refusal
        )
    (record,) = store.get_many(["of lines"])
    assert record is not None
    assert sorted(record.interactions) == ["1", "2"]


def test_a_newer_release_is_noticed(exported: Artifacts, tmp_path: Path) -> None:
    """A recorder that stays open learns of new kinds when they are first recorded."""
    copied = Artifacts(Path(shutil.copytree(exported.root, tmp_path / "made-up")))
    known = KnownEvents(RECIPE, copied)
    with pytest.raises(ShortlistError, match="got 'share'"):
        known.check(Event.of("7", "1", "share"))
    more = EventKinds("event", (*KINDS.known, "share"), KINDS.history, KINDS.seen)
    copied.prepared.event_kinds.write_text(json.dumps(asdict(more)), encoding="utf-8")
    export(RECIPE, copied)
    known.check(Event.of("7", "1", "share"))


def test_many_kinds_are_not_all_named(exported: Artifacts, tmp_path: Path) -> None:
    """Twelve and their number."""
    copied = Artifacts(Path(shutil.copytree(exported.root, tmp_path / "made-up")))
    shutil.rmtree(copied.model_repository)
    many = EventKinds("event", tuple(f"k{number:02}" for number in range(40)), (), ())
    copied.prepared.event_kinds.write_text(json.dumps(asdict(many)), encoding="utf-8")
    with pytest.raises(
        ShortlistError, match=r"'k10', 'k11' or another one of 40 as the event, .*data"
    ):
        KnownEvents(RECIPE, copied).check(Event.of("7", "1", "x"))


def test_where_nothing_is_known_anything_is_recorded(tmp_path: Path) -> None:
    """As before the first preparation, or on a machine without the artifacts."""
    known = KnownEvents(RECIPE, Artifacts(tmp_path))
    known.check(Event.of("7", "any item", "any kind"))
