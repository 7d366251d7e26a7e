"""Seconds and memory per phase of a training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.training.timing import Peak, resident, timed


def status(file: Path, now: int, ever: int) -> Path:
    """A status file as Linux writes it, with sizes in kB."""
    file.write_text(f"Name:\tpython\nVmHWM:\t  {ever} kB\nVmRSS:\t  {now} kB\nThreads:\t4\n")
    return file


def test_the_resident_memory_is_read_from_linux(tmp_path: Path) -> None:
    """Now and at its largest, in bytes; elsewhere neither is known."""
    assert resident(status(tmp_path / "status", 200, 300)) == (200 * 1024, 300 * 1024)
    assert resident(tmp_path / "absent") == (0, 0)


def test_the_largest_sample_counts(tmp_path: Path) -> None:
    """Memory that grows and shrinks below what the process once had: the largest sample."""
    file = status(tmp_path / "status", 100, 900)
    peak = Peak(file)
    with peak.measured():
        for now in (400, 200):
            status(file, now, 900)
            peak.sample()
    assert peak.bytes == 400 * 1024


def test_a_new_largest_is_exact(tmp_path: Path) -> None:
    """If the process never had as much before, the system knows the size that no sample saw."""
    file = status(tmp_path / "status", 100, 900)
    peak = Peak(file)
    with peak.measured():
        status(file, 120, 1500)
    assert peak.bytes == 1500 * 1024


def test_a_phase_has_seconds_and_memory() -> None:
    """Seconds of a name add up, and the larger memory stays; another name has its own."""
    figures: dict[str, Any] = {}
    with timed(figures, "candidates"):
        held = np.ones(20_000_000)
    del held
    first = dict(figures["seconds"]), dict(figures["peak_mb"])
    with timed(figures, "candidates"), timed(figures, "ranker"):
        pass
    assert set(figures["seconds"]) == set(figures["peak_mb"]) == {"candidates", "ranker"}
    assert figures["seconds"]["candidates"] >= first[0]["candidates"]
    assert figures["peak_mb"]["candidates"] >= first[1]["candidates"] > 160


def test_a_failed_phase_is_recorded() -> None:
    """The figures tell how far a training came."""
    figures: dict[str, Any] = {}
    with pytest.raises(ValueError, match="odd"), timed(figures, "ranker"):
        raise ValueError("odd")
    assert "ranker" in figures["seconds"]
