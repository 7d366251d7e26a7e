"""A folder that tests work in, as a user does in theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def working_in(folder: Path) -> Iterator[Path]:
    """Make ``folder`` the working directory while the block runs; artifacts are written there too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SHORTLIST_ARTIFACTS", raising=False)
        patch.chdir(folder)
        yield folder
