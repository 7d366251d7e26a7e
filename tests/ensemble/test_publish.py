"""Another release is served only if it is better, whole and answers; or everything stays as it was."""

import os
import resource
import shutil
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from ensemble import publish as publish_module
from ensemble.export import export
from ensemble.model_control import ask
from ensemble.ports import choose_ports
from ensemble.publish import publish, rollback
from ensemble.release_gate import Gate
from ensemble.release_list import list_releases
from ensemble.release_lock import ReleasesBusyError, release_lock
from ensemble.releases import release_of
from ensemble.runtime import manifest, plan
from ensemble.runtime.sqlite_store import SqliteFeatureStore
from ensemble.served import history, served_version
from ensemble.server import Server, running_server
from ensemble.triton_config import MODEL_NAME
from recipes.artifacts import Artifacts
from recipes.errors import ShortlistError
from tests.ensemble.several_releases import change, damage, export_another, names
from tests.ensemble.synthetic import RECIPE

ROOT = Path(publish_module.__file__).parents[1]


@pytest.fixture
def three(three_releases: Artifacts, tmp_path: Path) -> Artifacts:
    """Three releases with an NDCG@10 of 0.50, 0.51 and 0.40, to change at will; 1 is served."""
    return Artifacts(Path(shutil.copytree(three_releases.root, tmp_path / "made-up")))


def _publish(
    artifacts: Artifacts, version: int | None = None, gate: Gate | None = None, **serving: int
) -> list[str]:
    said: list[str] = []
    recipe = RECIPE.model_copy(update={"serving": RECIPE.serving.model_copy(update=serving)})
    publish(recipe, artifacts, version, gate or Gate(force=True), said.append)
    return said


def _rollback(artifacts: Artifacts, version: int | None = None) -> None:
    rollback(RECIPE, artifacts, version, lambda _: None)


def _served(artifacts: Artifacts) -> dict[str, bytes | None]:
    """The record of what is served, and its history."""
    files = (artifacts.model_repository / MODEL_NAME / "config.pbtxt", artifacts.served_history)
    return {path.name: path.read_bytes() if path.exists() else None for path in files}


def _temporary_files(artifacts: Artifacts) -> list[Path]:
    return list(artifacts.root.rglob("*.tmp"))


def test_without_a_server_the_release_is_the_next_one_to_be_served(three: Artifacts) -> None:
    """It is said, a server that starts serves it and no newer one, and that is said, too."""
    assert served_version(three) == 1
    said = _publish(three, 2)
    assert said[0] == "release 2: ndcg@10 0.5100, and 0.5000 in the served release"
    assert said[-1].endswith("no server of this recipe runs here")
    assert [(each.release, each.by) for each in history(three)] == [(1, "export"), (2, "publish")]
    export_another(three, 10)
    with running_server(three, RECIPE.name) as server:
        assert ask(server.address.grpc, "1").version == 2
    assert served_version(three) == 2


def test_a_release_takes_the_running_servers_place(three: Artifacts) -> None:
    """The server answers out of the new release; `rollback` brings the old one's answers back."""
    with running_server(three, RECIPE.name) as server:
        assert served_version(three) == 3  # nothing was published: the newest
        before = ask(server.address.grpc, "1")
        said = _publish(three, 2)
        assert said[-1] == (
            f"release 2 is served at {server.address.grpc}; its answers are those it gives here"
        )
        assert ask(server.address.grpc, "1").version == 2
        _rollback(three)
        assert ask(server.address.grpc, "1") == before
    assert [(each.release, each.by) for each in history(three)] == [
        (1, "export"),
        (3, "serve"),
        (2, "publish"),
        (3, "rollback"),
    ]


def test_only_who_reads_the_artifacts_may_load(server: Server, artifacts: Artifacts) -> None:
    """Without the key both protocols refuse, and the key's file is for its owner alone."""
    path = f"http://{server.address.http}/v2/repository/models/{MODEL_NAME}/load"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(path, b"{}"))
    client = grpc.InferenceServerClient(server.address.grpc)
    with pytest.raises(InferenceServerException, match="restricted"):
        client.unload_model(MODEL_NAME)
    client.close()
    assert stat.S_IMODE(artifacts.server_address.stat().st_mode) == 0o600
    assert server.address.key not in repr(server)
    assert server.address.key not in artifacts.server_log.read_text()


def test_a_rollback_goes_back_step_by_step(three: Artifacts) -> None:
    """After 1, 2 and 3: to 2, then to 1, then no further; and a named release always."""
    for version in (2, 3):
        _publish(three, version)
    for expected in (2, 1):
        _rollback(three)
        assert served_version(three) == expected
    with pytest.raises(ShortlistError, match=r"before release 1.*shortlist releases made-up"):
        _rollback(three)
    _rollback(three, 3)
    assert served_version(three) == 3


def test_a_damaged_release_is_refused_by_the_name_of_the_file(three: Artifacts) -> None:
    """Neither publish nor rollback serve it, and the record is untouched."""
    _publish(three, 2)
    release = release_of(three, 1)
    assert release is not None
    damage(release)
    before = _served(three)
    for attempt in (lambda: _publish(three, 1), lambda: _rollback(three)):
        with pytest.raises(ShortlistError, match=r"1/ranker\.onnx is damaged.*shortlist export"):
            attempt()
    assert _served(three) == before


def test_the_release_before_can_be_served_when_the_served_one_is_damaged(three: Artifacts) -> None:
    """That is what a rollback is for."""
    _publish(three, 2)
    release = release_of(three, 2)
    assert release is not None
    damage(release)
    _rollback(three)
    assert served_version(three) == 1


@pytest.mark.parametrize(
    ("version", "gate", "complaint"),
    [
        (
            3,
            Gate(),
            r"ndcg@10 0\.4000, and 0\.5100 in .*by 21\.6%, and --margin allows 2\.0%.*--force",
        ),
        (3, Gate(margin=0.21), r"allows 21\.0%"),
        (3, Gate(metric="recall@10"), r"'recall@10' in both.*--metric: ndcg@10"),
        (4, Gate(), r"it has no evaluation figures.*shortlist evaluate made-up"),
    ],
)
def test_a_worse_release_is_refused(
    three: Artifacts, version: int, gate: Gate, complaint: str
) -> None:
    """The figures, the margin and the way round it are named; what is served stays."""
    _publish(three, 2)
    export_another(three, 10)
    before = _served(three)
    with pytest.raises(ShortlistError, match=complaint):
        _publish(three, version, gate)
    assert _served(three) == before


@pytest.mark.parametrize(("gate"), [Gate(margin=0.22), Gate(force=True)])
def test_a_worse_release_passes_if_that_is_wanted(three: Artifacts, gate: Gate) -> None:
    """A greater margin lets it pass, and --force; either way the figures are said."""
    _publish(three, 2)
    said = _publish(three, 3, gate)
    assert "ndcg@10 0.4000, and 0.5100" in said[0]
    assert ("--force" in said[0]) == gate.force
    assert served_version(three) == 3


def test_a_slightly_worse_release_and_one_without_anything_to_compare_pass(
    three: Artifacts,
) -> None:
    """0.50 after 0.51 is within two percent; the release after one without figures is any."""
    _publish(three, 2)
    _publish(three, 1, Gate())
    export_another(three, 10)
    _publish(three, 4)
    assert "nothing was compared" in _publish(three, 3, Gate())[0]


def test_a_release_whose_scores_are_no_numbers_is_refused(three: Artifacts) -> None:
    """A diverged ranker is noticed before a server sees it."""
    path = three.models.onnx("ranker")
    model = onnx.load(str(path))
    for weight in model.graph.initializer:
        if weight.name == "w1":
            values = np.full_like(numpy_helper.to_array(weight), np.nan)
            weight.CopyFrom(numpy_helper.from_array(values, "w1"))
    onnx.save(model, str(path))
    export(RECIPE, three, force=True, say=lambda _: None)
    before = _served(three)
    with pytest.raises(ShortlistError, match=r"release 4 does not answer .* no finite number"):
        _publish(three)
    assert _served(three) == before


def test_a_release_of_another_time_answers_by_its_own_code(three: Artifacts) -> None:
    """What today's code cannot read is tried, and served, with the code that came with it."""
    release = release_of(three, 2)
    assert release is not None
    change(release, "plan.json", f'"format": {plan.FORMAT}', '"format": 99')
    change(release, "runtime/plan.py", f"FORMAT = {plan.FORMAT}\n", "FORMAT = 99\n")
    store = SqliteFeatureStore(three.feature_store, read_only=True)
    with pytest.raises(plan.ReleaseError, match="format 99"):
        plan.load(release, store)
    store.close()
    with running_server(three, RECIPE.name) as server:
        _publish(three, 2)
        assert ask(server.address.grpc, "1").version == 2
    files = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    assert files == {*manifest.read(release)["files"], manifest.NAME}


def test_a_release_that_does_not_load_is_taken_back(three: Artifacts) -> None:
    """It answers in this process and not in Triton: the old one is served as before."""
    release = three.model_repository / MODEL_NAME / "2"
    fails = "\nraise ValueError('not today')\nRUNTIME = "
    change(release, "model.py", "\nRUNTIME = ", fails)
    with running_server(three, RECIPE.name) as server:
        _is_taken_back(three, server, r"not today")


def test_a_release_that_answers_otherwise_is_taken_back(
    three: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server asks another feature store than this process: the old one is served as before."""
    other = tmp_path / "other.sqlite"
    SqliteFeatureStore(other).close()
    monkeypatch.setenv("SHORTLIST_FEATURE_STORE", str(other))
    with running_server(three, RECIPE.name) as server:
        monkeypatch.delenv("SHORTLIST_FEATURE_STORE")
        _is_taken_back(three, server, r"the server gives user '1'")


def _is_taken_back(artifacts: Artifacts, server: Server, complaint: str) -> None:
    answered, before = ask(server.address.grpc, "1"), _served(artifacts)
    with pytest.raises(ShortlistError, match=rf"(?s){complaint}.*Release 3 is served as before"):
        _publish(artifacts, 2)
    assert ask(server.address.grpc, "1") == answered
    assert _served(artifacts) == before
    assert _temporary_files(artifacts) == []


def test_a_full_disk_leaves_what_is_served_and_its_record(three: Artifacts) -> None:
    """No file can grow: it is said, and the record, the history and the server are as before."""
    with running_server(three, RECIPE.name) as server:
        before = _served(three)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
        try:
            with pytest.raises(ShortlistError, match=r"(?i)file too large.*is as it was"):
                _publish(three, 2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert _served(three) == before
        assert ask(server.address.grpc, "1").version == 3
        assert _temporary_files(three) == []
        _publish(three, 2)
        assert ask(server.address.grpc, "1").version == 2


def test_one_command_at_a_time_changes_the_releases(three: Artifacts) -> None:
    """The second says at once who is at it; a holder that was killed holds nothing."""
    code = f"""
import time
from pathlib import Path
from ensemble.release_lock import release_lock
from recipes.artifacts import Artifacts
with release_lock(Artifacts(Path({str(three.root)!r})), "shortlist export made-up"):
    print("held", flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as other:
        assert other.stdout is not None
        try:
            assert other.stdout.readline() == b"held\n"
            for attempt in (
                lambda: _publish(three, 2),
                lambda: _rollback(three, 2),
                lambda: export(RECIPE, three, force=True, say=print),
            ):
                holder = rf"`shortlist export made-up` \(process {other.pid},"
                with pytest.raises(ReleasesBusyError, match=holder):
                    attempt()
            with running_server(three, RECIPE.name) as server:  # comes up with what it knows
                assert ask(server.address.grpc, "1").version == 1
        finally:
            other.kill()
    _publish(three, 2)
    with release_lock(three, "free again"):
        pass


def test_the_last_releases_are_kept_and_the_way_back(three: Artifacts) -> None:
    """Of five releases two are kept, the served one and the one served before it."""
    for seed in (10, 11):
        export_another(three, seed)
    _publish(three, 2, keep_releases=5)
    assert names(three) == ["1", "2", "3", "4", "5"]
    said = _publish(three, 3, keep_releases=1)
    assert names(three) == ["2", "3", "5"]
    assert said[-2:] == [f"release {gone} is removed: the last 1 are kept" for gone in (1, 4)]
    assert _temporary_files(three) == []
    export_another(three, 12)
    assert names(three)[-1] == "6"


def test_a_release_that_is_not_there_is_named(three: Artifacts, tmp_path: Path) -> None:
    """With those that are, or the command that makes the first."""
    with pytest.raises(ShortlistError, match="one of 1, 2, 3, got 7"):
        _publish(three, 7)
    with pytest.raises(ShortlistError, match="shortlist export made-up"):
        _publish(Artifacts(tmp_path / "empty"))
    _publish(three, 3)
    shutil.rmtree(three.model_repository / MODEL_NAME / "3")
    with (
        pytest.raises(ShortlistError, match=r"release 3 is served, and it is not there.*publish"),
        running_server(three, RECIPE.name),
    ):
        pass


def test_a_damaged_history_is_named(three: Artifacts) -> None:
    """With what to do; what is served does not depend on it."""
    three.served_history.write_text("[{")
    with pytest.raises(ShortlistError, match=r"served\.json.*Delete the file"):
        _publish(three, 2)
    assert served_version(three) == 1


def test_releases_are_listed_with_what_a_person_chooses_by(three: Artifacts) -> None:
    """Age, figures, items, size, whether served; and with ``check`` whether each is whole."""
    _publish(three, 2)
    release = release_of(three, 3)
    assert release is not None
    damage(release)
    listed = list_releases(RECIPE, three, check=True)
    assert [each.release for each in listed] == [1, 2, 3]
    assert [each.served for each in listed] == [False, True, False]
    assert [each.figures for each in listed] == [{"ndcg@10": x} for x in (0.50, 0.51, 0.40)]
    assert [each.whole for each in listed] == [True, True, False]
    assert "ranker.onnx is damaged" in str(listed[2].problem)
    files = [path for path in release.rglob("*") if path.is_file()]
    assert listed[2].bytes == sum(len(path.read_bytes()) for path in files)
    assert listed[0].items == 400
    assert [each.whole for each in list_releases(RECIPE, three, check=False)] == [None] * 3
    (release / "manifest.json").write_text("{}")
    unreadable = list_releases(RECIPE, three, check=False)[2]
    assert (unreadable.created, unreadable.items, unreadable.whole) == (None, None, False)


def test_ready_means_that_the_release_answers(three: Artifacts) -> None:
    """Asked from the first moment, the port refuses until the release is loaded and warmed up.

    `serve` says which release that is, and how to serve a newer one.
    """
    _publish(three, 2)
    port = choose_ports("127.0.0.1").http
    code = f"""
from pathlib import Path
from ensemble.server import serve
from recipes.artifacts import Artifacts
artifacts = Artifacts(Path({str(three.root)!r}))
serve(artifacts, "made-up", lambda line: print(line, flush=True), http_port={port})
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as serving:
        try:
            seen: list[object] = []
            while serving.poll() is None and 200 not in seen:
                seen.append(_status(f"http://127.0.0.1:{port}/v2/health/ready"))
            assert _status(f"http://127.0.0.1:{port}/v2/models/{MODEL_NAME}/ready") == 200
            assert set(seen[:-1]) <= {"refused", 400}
            assert len(seen) > 10
            assert serving.stdout is not None
            lines = [serving.stdout.readline() for _ in range(2)]
            assert lines[1] == ("release  2; 3 is newer: `shortlist publish made-up` serves it\n")
        finally:
            serving.terminate()


def _status(url: str) -> object:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return "refused"
