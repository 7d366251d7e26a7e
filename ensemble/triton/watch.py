"""Triton's Python processes are watched: one that dies is replaced.

Each instance of a release is a process of its own. Triton 2.51 starts none again that died, killed
for want of memory for instance: it goes on handing it requests, and each of them fails.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil

from stages.errors import ShortlistError

LOOKED_AT_EVERY_SECONDS = 0.25
#: What the instances of the old set may still take to answer.
ENDED_WITHIN_SECONDS = 10.0
TRIED_AGAIN_AFTER_SECONDS = 5.0
#: The name of Triton's Python process; Linux keeps 15 letters of a dead one's.
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
    replaced: set[psutil.Process] = set()
    before: set[psutil.Process] = set()
    while not over.wait(LOOKED_AT_EVERY_SECONDS):
        states = instances(triton)
        dead = {process for process, state in states.items() if state == psutil.STATUS_ZOMBIE}
        dead -= replaced
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
            with suppress(psutil.NoSuchProcess):
                process.kill()


def instances(triton: int) -> dict[psutil.Process, str]:
    """The Python processes of a server and their states, such as ``psutil.STATUS_ZOMBIE``: a dead one."""
    found = {}
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(triton).children():
            with suppress(psutil.NoSuchProcess):
                if process.name()[: len(_NAME)] == _NAME:
                    found[process] = process.status()
    return found
