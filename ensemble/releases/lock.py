"""One command at a time changes a recipe's releases."""

from contextlib import AbstractContextManager

from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.locks import locked


class ReleasesBusyError(ShortlistError):
    """Another command changes the releases at this moment."""


def release_lock(artifacts: Artifacts, command: str) -> AbstractContextManager[None]:
    """Hold the lock on ``artifacts``' releases (see ``stages.locks``).

    Raises:
        ReleasesBusyError: another command holds it; says which, at once.
    """

    def busy(holder: str) -> ReleasesBusyError:
        return ReleasesBusyError(
            f"the releases in {artifacts.model_repository} are being changed by {holder}. "
            "Run this again when that has ended."
        )

    return locked(artifacts.releases_lock, command, busy)
