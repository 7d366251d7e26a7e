"""A release that is damaged, worse or wrong is not served, and nothing changes."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ensemble.releases import publish as publish_module
from ensemble.releases.export import export
from ensemble.releases.gate import Gate
from ensemble.releases.lock import ReleasesBusyError, release_lock
from ensemble.releases.repository import release_of
from ensemble.releases.served import served_version
from ensemble.triton.config import MODEL_NAME
from ensemble.triton.control import ask
from ensemble.triton.server import Server, running_server
from runtime.stores.sqlite_store import SqliteFeatureStore
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.several_releases import (
    change,
    damage,
    export_another,
    published,
    rolled_back,
    temporary_files,
)
from tests.ensemble.synthetic import RECIPE

ROOT = Path(publish_module.__file__).parents[1]


def _served(artifacts: Artifacts) -> dict[str, bytes | None]:
    """The record of the served release, and its history."""
    files = (artifacts.model_repository / MODEL_NAME / "config.pbtxt", artifacts.served_history)
    return {path.name: path.read_bytes() if path.exists() else None for path in files}


def test_a_damaged_release_is_refused_and_its_file_named(three: Artifacts) -> None:
    """Neither publish nor rollback serves it, and the record is unchanged."""
    published(three, 2)
    release = release_of(three, 1)
    assert release is not None
    damage(release)
    before = _served(three)
    for attempt in (lambda: published(three, 1), lambda: rolled_back(three)):
        with pytest.raises(
            ShortlistError,
            match=r"1/ranker\.onnx with SHA-256 .*, got a damaged file.*shortlist export",
        ):
            attempt()
    assert _served(three) == before


@pytest.mark.parametrize(
    ("version", "gate", "complaint"),
    [
        (
            3,
            Gate(),
            r"at most 2\.0% \(--margin\), got 21\.6%: ndcg@10 0\.4000, against 0\.5100 in .*--force",
        ),
        (3, Gate(margin=0.21), r"a loss of at most 21\.0%"),
        (3, Gate(metric="recall@10"), r"'recall@10' in both.*in common: ndcg@10\. .*--metric"),
        (4, Gate(), r"expected evaluation figures.*found none.*shortlist evaluate made-up"),
    ],
)
def test_a_worse_release_is_refused(
    three: Artifacts, version: int, gate: Gate, complaint: str
) -> None:
    """The error names the figures, the margin and the override; the served release stays."""
    published(three, 2)
    export_another(three, 10)
    before = _served(three)
    with pytest.raises(ShortlistError, match=complaint):
        published(three, version, gate)
    assert _served(three) == before


@pytest.mark.parametrize(("gate"), [Gate(margin=0.22), Gate(force=True)])
def test_a_worse_release_passes_if_that_is_wanted(three: Artifacts, gate: Gate) -> None:
    """A larger margin or --force lets it pass; either way the log reports the figures."""
    published(three, 2)
    lines = published(three, 3, gate)
    assert "ndcg@10 0.4000, against 0.5100" in lines[0]
    assert ("--force" in lines[0]) == gate.force
    assert served_version(three) == 3


def test_a_slightly_worse_release_and_one_without_anything_to_compare_pass(
    three: Artifacts,
) -> None:
    """0.50 after 0.51 is within two percent; after a release without figures, any one passes."""
    published(three, 2)
    published(three, 1, Gate())
    export_another(three, 10)
    published(three, 4)
    assert "nothing was compared" in published(three, 3, Gate())[0]


def test_a_release_whose_scores_are_no_numbers_is_refused(three: Artifacts) -> None:
    """A diverged ranker is detected before a server loads it."""
    path = three.models.onnx("ranker")
    model = onnx.load(str(path))
    for weight in model.graph.initializer:
        if weight.name == "w1":
            values = np.full_like(numpy_helper.to_array(weight), np.nan)
            weight.CopyFrom(numpy_helper.from_array(values, "w1"))
    onnx.save(model, str(path))
    export(RECIPE, three, force=True)
    before = _served(three)
    with pytest.raises(
        ShortlistError, match=r"the trial of release 4 failed: .*expected finite scores"
    ):
        published(three)
    assert _served(three) == before


def test_a_release_that_does_not_load_is_taken_back(three: Artifacts) -> None:
    """It answers in this process but not in Triton: the old one is served as before."""
    release = three.model_repository / MODEL_NAME / "2"
    fails = "\nraise ValueError('not today')\nMETRICS_EVERY = "
    change(release, "model.py", "\nMETRICS_EVERY = ", fails)
    with running_server(three, RECIPE.name) as server:
        _is_taken_back(three, server, r"not today")


def test_a_release_that_answers_otherwise_is_taken_back(
    three: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server reads another feature store than this process: the old one is served as before."""
    other = tmp_path / "other.sqlite"
    SqliteFeatureStore(other).close()
    monkeypatch.setenv("SHORTLIST_FEATURE_STORE", str(other))
    with running_server(three, RECIPE.name) as server:
        monkeypatch.delenv("SHORTLIST_FEATURE_STORE")
        _is_taken_back(three, server, r"expected the server to give user '1'")


def _is_taken_back(artifacts: Artifacts, server: Server, complaint: str) -> None:
    answered, before = ask(server.address.grpc, "1"), _served(artifacts)
    with pytest.raises(ShortlistError, match=rf"(?s){complaint}.*Release 3 is served as before"):
        published(artifacts, 2)
    assert ask(server.address.grpc, "1") == answered
    assert _served(artifacts) == before
    assert temporary_files(artifacts) == []


def test_a_full_disk_leaves_what_is_served_and_its_record(three: Artifacts) -> None:
    """If no file can grow, the error reports it; the record, the history and the server do not change."""
    with running_server(three, RECIPE.name) as server:
        before = _served(three)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
        try:
            with pytest.raises(ShortlistError, match=r"(?i)file too large.*is unchanged"):
                published(three, 2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert _served(three) == before
        assert ask(server.address.grpc, "1").version == 3
        assert temporary_files(three) == []
        published(three, 2)
        assert ask(server.address.grpc, "1").version == 2


def test_one_command_at_a_time_changes_the_releases(three: Artifacts) -> None:
    """The second command fails at once and names the first; a killed holder releases the lock."""
    code = f"""
import time
from pathlib import Path
from ensemble.releases.lock import release_lock
from stages.artifacts import Artifacts
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
                lambda: published(three, 2),
                lambda: rolled_back(three, 2),
                lambda: export(RECIPE, three, force=True),
            ):
                holder = rf"`shortlist export made-up` \(process {other.pid},"
                with pytest.raises(ReleasesBusyError, match=holder):
                    attempt()
            with running_server(three, RECIPE.name) as server:  # starts with the recorded release
                assert ask(server.address.grpc, "1").version == 1
        finally:
            other.kill()
    published(three, 2)
    with release_lock(three, "free again"):
        pass


def test_a_release_that_is_not_there_is_named(three: Artifacts, tmp_path: Path) -> None:
    """With the existing releases, or the command that makes the first one."""
    with pytest.raises(ShortlistError, match="one of 1, 2, 3, got 7"):
        published(three, 7)
    with pytest.raises(ShortlistError, match="shortlist export made-up"):
        published(Artifacts(tmp_path / "empty"))
    published(three, 3)
    shutil.rmtree(three.model_repository / MODEL_NAME / "3")
    with (
        pytest.raises(ShortlistError, match=r"expected release 3, which .*, found none.*publish"),
        running_server(three, RECIPE.name),
    ):
        pass


def test_a_damaged_history_is_named(three: Artifacts) -> None:
    """With the remedy; the served release does not depend on it."""
    three.served_history.write_text("[{")
    with pytest.raises(ShortlistError, match=r"served\.json.*Delete the file"):
        published(three, 2)
    assert served_version(three) == 1
