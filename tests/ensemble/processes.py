"""The processes of a server, and their memory."""

from pathlib import Path


def processes_of(group: int) -> list[int]:
    """Ids of the living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def resident_kilobytes(group: int) -> int:
    """Resident memory of a process group; shared pages count once per process."""
    return sum(
        int(Path(f"/proc/{process}/status").read_text().split("VmRSS:")[1].split()[0])
        for process in processes_of(group)
    )
