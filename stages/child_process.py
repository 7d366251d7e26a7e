"""Child processes that do not outlive their parent."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def dies_with(parent: int) -> Callable[[], None]:
    """A function for the child to call, so that it gets SIGTERM when the parent dies for any reason."""
    libc = ctypes.CDLL(None)  # loaded before the fork, as the child should do as little as possible

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent died before prctl
            os._exit(1)

    return ask
