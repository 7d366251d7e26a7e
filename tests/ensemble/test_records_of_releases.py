"""Each release reads its own users' records, whatever is exported later."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.feature_store.choice import VARIABLE, opened_store
from ensemble.releases.export import export
from ensemble.releases.gate import Gate
from ensemble.releases.publish import publish
from ensemble.releases.records import records_of
from ensemble.releases.repository import releases
from ensemble.triton.control import Answer, ask
from ensemble.triton.server import running_server
from runtime import manifest, plan
from runtime.stores.feature_store import Event
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.several_releases import published, rolled_back
from tests.ensemble.synthetic import RECIPE as MADE_UP
from tests.ensemble.synthetic import replace_interactions, write_artifacts
from tests.heard import heard
from tests.redis_server import running_redis

#: The server waits longer for the store: an answer without it would look like a change.
RECIPE = MADE_UP.model_copy(
    update={"serving": MADE_UP.serving.model_copy(update={"store_deadline_ms": 5000})}
)
#: User 2 is out of vocabulary, 3 to 5 lack a feature, and the last one is unknown.
ASKED = [*map(str, range(1, 9)), "nobody"]


@pytest.fixture(params=["sqlite", "redis"])
def artifacts(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Artifacts]:
    """One release, published; users are in either store."""
    made = write_artifacts(tmp_path / "made-up")
    if request.param == "sqlite":
        export(RECIPE, made)
        publish(RECIPE, made, None, Gate())
        yield made
        return
    with running_redis() as redis:
        monkeypatch.setenv(VARIABLE, redis.url)
        export(RECIPE, made)
        publish(RECIPE, made, None, Gate())
        yield made


def _change_the_data(artifacts: Artifacts) -> None:
    """Other users: one feature becomes text, one a list of numbers, and everyone has seen other items."""
    users = pq.read_table(artifacts.raw.users).to_pydict()
    users["income"] = ["many"] * len(users["user_id"])
    users["gender"] = [[1.5]] * len(users["user_id"])
    pq.write_table(pa.table(users), artifacts.raw.users)
    rows = pq.read_table(artifacts.raw.interactions).to_pydict()
    rows["item_id"] = [1 + (7 * user + place) % 390 for place, user in enumerate(rows["user_id"])]
    replace_interactions(artifacts, rows)


def _versions(artifacts: Artifacts) -> frozenset[str]:
    with opened_store(RECIPE, artifacts, read_only=True) as store:
        return store.versions()


def test_what_is_served_does_not_change_until_publish(artifacts: Artifacts) -> None:
    """An export of other data changes no answer; `publish` does, and `rollback` brings the old ones back.

    Events and live features count at once, for the release before and the one after.
    """
    with running_server(artifacts, RECIPE.name) as server:

        def answers() -> list[Answer]:
            return [ask(server.address.grpc, user) for user in ASKED]

        before = answers()
        _change_the_data(artifacts)
        second = export(RECIPE, artifacts)
        assert second.name == "2"
        assert answers() == before
        published(artifacts)
        after = answers()
        assert {each.version for each in after} == {2}
        changed = [one.item_ids != other.item_ids for one, other in zip(before, after, strict=True)]
        assert changed == [True] * 8 + [False]
        rolled_back(artifacts)
        assert answers() == before
        with opened_store(RECIPE, artifacts) as store:
            store.record([Event.of("7", before[6].item_ids[0])])
            # Text where both releases read a number, and a number where they read a category.
            store.set_features([("8", {"age": "old", "gender": 3, "income": 50.0})])
        live = answers()
        assert before[6].item_ids[0] not in live[6].item_ids
        assert live[7].scores != before[7].scores
        assert live[:6] == before[:6]
        published(artifacts, 2)
        assert [one == other for one, other in zip(answers(), after, strict=True)] == [
            *[True] * 6,
            *[False] * 2,
            True,
        ]


def test_the_same_users_are_stored_once_and_as_long_as_a_release_reads_them(
    artifacts: Artifacts,
) -> None:
    """Releases of the same data share their records, which go with the last of these releases."""
    export(RECIPE, artifacts, force=True)
    first, second = map(records_of, releases(artifacts))
    assert first == second
    assert _versions(artifacts) == {first}
    _change_the_data(artifacts)
    third = records_of(export(RECIPE, artifacts))
    assert _versions(artifacts) == {first, third}
    published(artifacts, 3, keep_releases=1)
    assert [path.name for path in releases(artifacts)] == ["1", "3"]
    assert _versions(artifacts) == {first, third}, "the release to roll back to"
    export(RECIPE, artifacts, force=True)
    lines = published(artifacts, 4, keep_releases=1)
    assert "removed users' records that no release reads from the feature store" in lines
    assert _versions(artifacts) == {third}


def test_records_that_are_lost_are_noticed(artifacts: Artifacts) -> None:
    """`publish` refuses a release without its users and names the remedy; `rollback` only reports it."""
    _change_the_data(artifacts)
    third = export(RECIPE, artifacts)
    versions = [records_of(path) for path in releases(artifacts)]
    with opened_store(RECIPE, artifacts) as store:
        store.drop(versions)
    with pytest.raises(
        ShortlistError,
        match=r"release 2 in the feature store, found none\. `shortlist features load made-up`",
    ):
        published(artifacts)
    with heard() as lines:
        rolled_back(artifacts, int(third.name))
    assert any(line.endswith("until then its users are unknown") for line in lines)
    with opened_store(RECIPE, artifacts) as store:
        loaded = plan.load(releases(artifacts)[0], store)
        assert loaded.recommend(["1"]).known_user.tolist() == [False]


def test_an_export_that_fails_leaves_no_records_behind(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it loaded is removed by the next one, unless that reads it."""
    (first,) = _versions(artifacts)
    _change_the_data(artifacts)
    with monkeypatch.context() as broken:
        broken.setattr(manifest, "seal", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export(RECIPE, artifacts)
    (lost,) = _versions(artifacts) - {first}
    users = pq.read_table(artifacts.raw.users)
    pq.write_table(users.slice(1), artifacts.raw.users)
    third = records_of(export(RECIPE, artifacts))
    assert third != lost
    assert _versions(artifacts) == {first, third}
