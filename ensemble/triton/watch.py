"""Triton's Python processes are watched: one that dies is replaced.

Each instance of a release is a process of its own. Triton 2.51 starts none again that died, killed
for want of memory for instance: it goes on handing it requests, and each of them fails.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stages.errors import ShortlistError

LOOKED_AT_EVERY_SECONDS = 0.25
#: What the instances of the old set may still take to answer.
ENDED_WITHIN_SECONDS = 10.0
TRIED_AGAIN_AFTER_SECONDS = 5.0
#: The name of Triton's Python process, of which Linux keeps 15 letters.
_NAME = "triton_python_backend_stub"[:15]


@contextmanager
def dead_instances_replaced(triton: int, reload: Callable[[], None]) -> Iterator[None]:
    """While the block runs, ``reload`` is called when a Python process of ``triton`` has died.

    ``reload`` has all instances replaced; it may raise ShortlistError, and is then tried again.
    """
    over = threading.Event()
    # Not waited for in the end: it may be within a load, which only the end of Triton cuts short.
    threading.Thread(target=_watch, args=(triton, reload, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _watch(triton: int, reload: Callable[[], None], over: threading.Event) -> None:
    replaced: set[int] = set()
    before: set[int] = set()
    while not over.wait(LOOKED_AT_EVERY_SECONDS):
        states = instances(triton)
        dead = {process for process, state in states.items() if state == "Z"} - replaced
        # One that ended as it should is dead, too, for the moment until Triton takes note.
        if not dead & before:
            before = dead
            continue
        try:
            reload()
        except ShortlistError:
            over.wait(TRIED_AGAIN_AFTER_SECONDS)
            continue
        replaced |= set(states)
        # Triton waits for the dead one for ever, and leaves the others of its set alive.
        if over.wait(ENDED_WITHIN_SECONDS):
            return
        for process in set(states) & set(instances(triton)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def instances(triton: int) -> dict[int, str]:
    """The Python processes of a server and their states, as in /proc; "Z" is a dead one."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                name, _, fields = (entry / "stat").read_text().partition("(")[2].rpartition(") ")
                state, parent = fields.split()[:2]
                if name == _NAME and int(parent) == triton:
                    found[int(entry.name)] = state
    return found
