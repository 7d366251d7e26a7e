"""One Triton process: started, watched until ready, and stopped with everything it started."""

import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from stages.child_process import dies_with
from stages.errors import ShortlistError

READY_WITHIN_SECONDS = 60.0
STOPPED_WITHIN_SECONDS = 10.0
SHARED_MEMORY = Path("/dev/shm")
#: Triton logs a model's exception with its newlines written as backslash and n.
_LOAD_FAILURE = r"failed to load '[^']*' version \d+: (?:Internal: )?(.+?)(?:\\n\\nAt:|\"?\n)"


def start(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start a process that writes its output to ``log`` and stops when this process dies."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            # Its own process group: Ctrl-C reaches only this process, which then stops Triton.
            start_new_session=True,
            preexec_fn=dies_with(os.getpid()),
        )


def await_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until ``url`` answers 200.

    Raises:
        ShortlistError: the process ended, or it is not ready in time; quotes the log.
    """
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    # A proxy from the environment must not handle requests to this machine itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ShortlistError(f"expected Triton to start, got: {cause(log)} (full log: {log})")
        with suppress(OSError, urllib.error.URLError), opener.open(url, timeout=1) as answer:
            if answer.status == 200:
                return
        time.sleep(0.03)
    raise ShortlistError(
        f"expected Triton to be ready within {READY_WITHIN_SECONDS:.0f} s, "
        f"got: {cause(log)} (full log: {log})"
    )


def stop(process: subprocess.Popen[bytes], shared_memory_prefix: str) -> None:
    """Ask the process to stop, then kill its whole group and remove its shared memory."""
    try:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOPPED_WITHIN_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for left in SHARED_MEMORY.glob(f"{shared_memory_prefix}*"):
            left.unlink(missing_ok=True)


def cause(log: Path) -> str:
    """The cause in Triton's log: a failed load, else the last complaint, else the last line."""
    text = log.read_text(encoding="utf-8", errors="replace")
    failed = re.search(_LOAD_FAILURE, text, re.S)
    if failed:
        return failed.group(1).strip()
    for pattern in (r"^(?:E\d{4}|error:).*$", r"^.*(?:rror|cannot|failed).*$"):
        complaints = re.findall(pattern, text, re.M)
        if complaints:
            return str(complaints[-1]).strip()
    lines = text.strip().splitlines()
    return lines[-1] if lines else "an empty log"
