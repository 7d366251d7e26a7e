"""CPU time and memory of all processes of a server, as Linux accounts for them."""

import os
from collections.abc import Iterator
from pathlib import Path


def cpu_seconds(group: int) -> float:
    """CPU seconds, in user and kernel mode, that the living members of a process group have used."""
    ticks = sum(int(fields[11]) + int(fields[12]) for _, fields in _members(group))
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mb(group: int) -> float:
    """Memory of a process group in MB; a page shared by several processes counts once."""
    kilobytes = 0
    for entry, _ in _members(group):
        try:
            rollup = (entry / "smaps_rollup").read_text()
        except OSError:
            continue  # the process has ended
        kilobytes += int(rollup.partition("\nPss:")[2].split()[0])
    return round(kilobytes * 1024 / 1e6, 1)


def _members(group: int) -> Iterator[tuple[Path, list[str]]]:
    """The folder under /proc and the fields of ``stat`` after the name, for each process of the group."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            yield entry, fields
