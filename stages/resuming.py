"""Long work that goes on where it was killed."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.log import logger
from stages.stamps import is_fresh, write_stamp

log = logger(__name__)


@contextmanager
def unfinished(
    folder: Path,
    made_from: str,
    work: str,
    goes_on_after: Callable[[Exception], bool] = lambda error: False,
) -> Iterator[Path]:
    """The folder of ``work`` that runs, with what an interrupted one of the same fingerprint left in it.

    It is removed at the end, and where the work failed, which it would do again; not after an error for
    which ``goes_on_after`` holds, nor after Ctrl-C.
    """
    stamp = folder / "stamp.json"
    if is_fresh(stamp, made_from):
        log.info(f"going on with the {work} that was interrupted (delete {folder} to begin anew)")
    else:
        shutil.rmtree(folder, ignore_errors=True)
        write_stamp(stamp, made_from)
    try:
        yield folder
    except Exception as error:
        if not goes_on_after(error):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder)
