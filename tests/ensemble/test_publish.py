"""Publishing a release: for a running server, and for the next one."""

import os
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from ensemble.releases import publish as publish_module
from ensemble.releases.listing import list_releases
from ensemble.releases.repository import release_of
from ensemble.releases.served import history, served_version
from ensemble.triton.config import MODEL_NAME
from ensemble.triton.control import ask
from ensemble.triton.ports import reserved_ports
from ensemble.triton.server import Server, running_server
from runtime import manifest, plan
from runtime.stores.sqlite_store import SqliteFeatureStore
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.several_releases import (
    change,
    damage,
    export_another,
    names,
    published,
    rolled_back,
    temporary_files,
)
from tests.ensemble.synthetic import RECIPE

ROOT = Path(publish_module.__file__).parents[1]


def test_without_a_server_the_release_is_the_next_one_to_be_served(three: Artifacts) -> None:
    """The log reports it, and a server that starts later serves it, not a newer one."""
    assert served_version(three) == 1
    lines = published(three, 2)
    assert lines[0] == "release 2: ndcg@10 0.5100, against 0.5000 in the served release"
    assert lines[-1].endswith("no server of this recipe is running here")
    assert [(each.release, each.by) for each in history(three)] == [(1, "export"), (2, "publish")]
    export_another(three, 10)
    with running_server(three, RECIPE.name) as server:
        assert ask(server.address.grpc, "1").version == 2
    assert served_version(three) == 2


def test_a_release_takes_the_running_servers_place(three: Artifacts) -> None:
    """The server answers from the new release; after `rollback`, it answers as before."""
    with running_server(three, RECIPE.name) as server:
        assert served_version(three) == 3  # nothing was published: the newest
        before = ask(server.address.grpc, "1")
        lines = published(three, 2)
        assert lines[-1] == (
            f"release 2 is served at {server.address.grpc}; its answers match this process"
        )
        assert ask(server.address.grpc, "1").version == 2
        rolled_back(three)
        assert ask(server.address.grpc, "1") == before
    assert [(each.release, each.by) for each in history(three)] == [
        (1, "export"),
        (3, "serve"),
        (2, "publish"),
        (3, "rollback"),
    ]


def test_only_who_reads_the_artifacts_may_load(server: Server, artifacts: Artifacts) -> None:
    """Both protocols refuse a load without the key, and only its owner may read the key's file."""
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
    """After 1, 2 and 3: to 2, then to 1, then no further; a named release always works."""
    for version in (2, 3):
        published(three, version)
    for expected in (2, 1):
        rolled_back(three)
        assert served_version(three) == expected
    with pytest.raises(ShortlistError, match=r"before release 1.*shortlist releases made-up"):
        rolled_back(three)
    rolled_back(three, 3)
    assert served_version(three) == 3


def test_the_release_before_can_be_served_when_the_served_one_is_damaged(three: Artifacts) -> None:
    """A rollback works even then."""
    published(three, 2)
    release = release_of(three, 2)
    assert release is not None
    damage(release)
    rolled_back(three)
    assert served_version(three) == 1


def test_a_release_of_another_version_answers_with_its_own_code(three: Artifacts) -> None:
    """A release that the current code cannot read is tried and served with the code it carries."""
    release = release_of(three, 2)
    assert release is not None
    change(release, "plan.json", f'"format": {plan.FORMAT}', '"format": 99')
    change(release, "runtime/plan.py", f"FORMAT = {plan.FORMAT}\n", "FORMAT = 99\n")
    store = SqliteFeatureStore(three.feature_store, read_only=True)
    with pytest.raises(plan.ReleaseError, match=r"format 4 in .*plan\.json, got 99"):
        plan.load(release, store)
    store.close()
    with running_server(three, RECIPE.name) as server:
        published(three, 2)
        assert ask(server.address.grpc, "1").version == 2
    files = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    assert files == {*manifest.read(release)["files"], manifest.NAME}


def test_the_last_releases_are_kept_and_the_way_back(three: Artifacts) -> None:
    """Besides the newest, the served release and the one served before it are kept."""
    for seed in (10, 11):
        export_another(three, seed)
    published(three, 2, keep_releases=5)
    assert names(three) == ["1", "2", "3", "4", "5"]
    lines = published(three, 3, keep_releases=1)
    assert names(three) == ["2", "3", "5"]
    assert lines[-2:] == [f"removed release {gone}: serving.keep_releases is 1" for gone in (1, 4)]
    assert temporary_files(three) == []
    export_another(three, 12)
    assert names(three)[-1] == "6"


def test_releases_are_listed_with_the_facts_to_choose_by(three: Artifacts) -> None:
    """Age, figures, items, size, whether it is served; with ``check`` also whether it is whole."""
    published(three, 2)
    release = release_of(three, 3)
    assert release is not None
    damage(release)
    listed = list_releases(RECIPE, three, check=True)
    assert [each.release for each in listed] == [1, 2, 3]
    assert [each.served for each in listed] == [False, True, False]
    assert [each.figures for each in listed] == [{"ndcg@10": x} for x in (0.50, 0.51, 0.40)]
    assert [each.whole for each in listed] == [True, True, False]
    assert "ranker.onnx with SHA-256" in str(listed[2].problem)
    assert "got a damaged file" in str(listed[2].problem)
    files = [path for path in release.rglob("*") if path.is_file()]
    assert listed[2].bytes == sum(len(path.read_bytes()) for path in files)
    assert listed[0].items == 400
    assert [each.whole for each in list_releases(RECIPE, three, check=False)] == [None] * 3
    (release / "manifest.json").write_text("{}")
    unreadable = list_releases(RECIPE, three, check=False)[2]
    assert (unreadable.created, unreadable.items, unreadable.whole) == (None, None, False)


def test_ready_means_that_the_release_answers(three: Artifacts) -> None:
    """From the first moment, the port refuses until the release is loaded and warmed up.

    `serve` logs which release that is, and how to serve a newer one.
    """
    published(three, 2)
    with reserved_ports("127.0.0.1") as ports:
        port = ports.http
    code = f"""
import logging, sys
from pathlib import Path
from ensemble.triton.server import serve
from stages.artifacts import Artifacts
logging.basicConfig(stream=sys.stdout, format="%(message)s")
logging.getLogger("shortlist").setLevel("INFO")
artifacts = Artifacts(Path({str(three.root)!r}))
serve(artifacts, "made-up", http_port={port})
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
