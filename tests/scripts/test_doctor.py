"""The doctor: one line per check, with a remedy if it fails."""

from pathlib import Path

import pytest

from scripts import cli
from scripts.pipeline import doctor


def _lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    status = cli.main(["doctor", *arguments])
    return status, capsys.readouterr().out.splitlines()


def test_this_environment_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    """Every declared package is listed with its installed version."""
    _, lines = _lines(capsys, "--offline")
    listed = {line.split()[1]: line.split() for line in lines if line.startswith("ok ")}
    assert listed["nvtabular"][2] == "23.8.0"
    assert {"machine", "python", "libpython", "tritonserver", "gpu", "merlin-models"} <= set(listed)
    assert not any("data movielens" in line for line in lines)


def test_a_missing_package_is_a_problem_with_a_remedy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1, and the line after the problem shows the command that fixes it."""
    declared = ["no-such-package", "numpy<1", "pandas", "feast; extra == 'feast'"]
    monkeypatch.setattr(doctor, "requires", lambda project: declared)
    status, lines = _lines(capsys, "--offline")
    place = next(i for i, line in enumerate(lines) if line.startswith("problem no-such-package"))
    assert "not installed" in lines[place]
    assert "-> make install" in lines[place + 1]
    (numpy,) = (line for line in lines if line.startswith("problem numpy"))
    assert numpy.endswith(", expected <1")
    assert any(line.startswith("ok      pandas") for line in lines)
    assert not any("feast" in line for line in lines)
    assert status == 1
    assert lines[-1].endswith("problem") or lines[-1].endswith("problems")


def test_too_little_memory_or_disk_is_a_problem(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A shortage that would fail in the middle of training is reported in advance."""
    monkeypatch.setattr(doctor, "GIGABYTES_OF_MEMORY", 10**9)
    monkeypatch.setattr(doctor, "GIGABYTES_OF_DISK", 10**9)
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path / "not" / "there" / "yet"))
    status, lines = _lines(capsys, "--offline")
    assert status == 1
    assert any(line.startswith("problem free memory") for line in lines)
    assert any(line.startswith("problem free disk") for line in lines)


def test_data_that_cannot_be_had_is_a_problem(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a network, the remedy is to give a folder."""
    monkeypatch.delenv("SHORTLIST_DATA", raising=False)
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setattr(
        "sources.datasets.movielens_files.ZIP_URL", "http://127.0.0.1:9/ml-100k.zip"
    )
    status, lines = _lines(capsys)
    place = next(
        i for i, line in enumerate(lines) if line.startswith("problem data movielens-100k")
    )
    assert "--data-dir FOLDER" in lines[place + 1]
    assert status == 1
