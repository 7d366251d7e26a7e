"""Child processes that do not outlive who started them."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def dies_with(parent: int) -> Callable[[], None]:
    """For the child to call: be asked to stop (SIGTERM) when the parent dies, however it dies."""
    libc = ctypes.CDLL(None)  # before the fork: the child should do as little as it can

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return ask
