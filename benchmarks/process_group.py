"""What the processes of a server use together, as Linux counts it."""

import os
from collections.abc import Iterator
from pathlib import Path


def cpu_seconds(group: int) -> float:
    """Processor seconds, in user and kernel mode, that a process group's living members have used."""
    ticks = sum(int(fields[11]) + int(fields[12]) for _, fields in _members(group))
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mb(group: int) -> float:
    """Memory of a process group in MB; a page that several share is counted once among them."""
    kilobytes = 0
    for entry, _ in _members(group):
        try:
            rollup = (entry / "smaps_rollup").read_text()
        except OSError:
            continue  # it ended meanwhile
        kilobytes += int(rollup.partition("\nPss:")[2].split()[0])
    return round(kilobytes * 1024 / 1e6, 1)


def _members(group: int) -> Iterator[tuple[Path, list[str]]]:
    """Folder below /proc and the fields of ``stat`` past the name, of each process of the group."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            yield entry, fields
