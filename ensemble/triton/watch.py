"""Watches Triton's Python processes and replaces one that dies.

Each instance of a release is a separate process. Triton 2.51 does not restart one that died, for instance
killed for lack of memory: it keeps sending it requests, and each of them fails.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil

from stages.errors import ShortlistError

LOOKED_AT_EVERY_SECONDS = 0.25
#: Time that the instances of the old set have to finish their answers.
ENDED_WITHIN_SECONDS = 10.0
TRIED_AGAIN_AFTER_SECONDS = 5.0
#: The name of Triton's Python process; Linux keeps only 15 characters of a dead one's name.
_NAME = "triton_python_backend_stub"[:15]


@contextmanager
def dead_instances_replaced(triton: int, reload: Callable[[], None]) -> Iterator[None]:
    """While the block runs, call ``reload`` whenever a Python process of ``triton`` has died.

    ``reload`` must replace all instances; if it raises ShortlistError, it is called again later.
    """
    over = threading.Event()
    # Not joined at the end: it may be inside a load, which only the end of Triton interrupts.
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
        # A process that ended normally is also a zombie, for the moment until Triton reaps it.
        if not dead & before:
            before = dead
            continue
        try:
            reload()
        except ShortlistError:
            over.wait(TRIED_AGAIN_AFTER_SECONDS)
            continue
        replaced |= set(states)
        # Triton waits for the dead one forever, and leaves the others of its set alive.
        if over.wait(ENDED_WITHIN_SECONDS):
            return
        for process in set(states) & set(instances(triton)):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def instances(triton: int) -> dict[psutil.Process, str]:
    """The Python processes of a server and their states; ``psutil.STATUS_ZOMBIE`` is a dead one."""
    found = {}
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(triton).children():
            with suppress(psutil.NoSuchProcess):
                if process.name()[: len(_NAME)] == _NAME:
                    found[process] = process.status()
    return found
