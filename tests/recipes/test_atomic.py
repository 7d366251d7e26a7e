"""Atomic writes: readers see the old files or the new, whatever happens in between."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stages.atomic import atomic_directory, atomic_file


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """An exception while writing changes nothing and leaves no temporary file."""
    path = tmp_path / "table"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    """Files of the old folder do not survive in the new one."""
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "old").write_text("old")
    with atomic_directory(folder) as temporary:
        (temporary / "new").write_text("new")
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_killed_writer_leaves_the_old_folder_and_the_next_one_clears_up(tmp_path: Path) -> None:
    """SIGKILL in mid-write loses nothing that was complete before."""
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "old").write_text("old")
    program = (
        "import sys, time; from pathlib import Path; from stages.atomic import atomic_directory\n"
        "with atomic_directory(Path(sys.argv[1])) as temporary:\n"
        "    (temporary / 'half').write_text('half'); print('half', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half\n"
        os.kill(writer.pid, signal.SIGKILL)
    assert [path.name for path in folder.iterdir()] == ["old"]

    with atomic_directory(folder) as temporary:
        (temporary / "new").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["tables"]
    assert [path.name for path in folder.iterdir()] == ["new"]
