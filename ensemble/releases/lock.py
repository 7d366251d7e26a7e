"""Only one command at a time may change a recipe's releases."""

from contextlib import AbstractContextManager

from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.locks import locked


class ReleasesBusyError(ShortlistError):
    """Another command is changing the releases."""


def release_lock(artifacts: Artifacts, command: str) -> AbstractContextManager[None]:
    """Hold the lock on the releases of ``artifacts`` (see ``stages.locks``).

    Raises:
        ReleasesBusyError: another command holds it; names the command, without waiting.
    """

    def busy(holder: str) -> ReleasesBusyError:
        return ReleasesBusyError(
            f"expected no other command to change the releases in {artifacts.model_repository}, "
            f"got {holder}. Run this again when that has finished."
        )

    return locked(artifacts.releases_lock, command, busy)
