"""Long work that resumes after it was interrupted or killed."""

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
    """Yield the folder for the files of running ``work``.

    It still contains the files of an interrupted run with the same fingerprint. At the end the folder is
    removed, also after an error, which would only recur. It is kept after Ctrl-C and after an error for
    which ``goes_on_after`` returns True.
    """
    stamp = folder / "stamp.json"
    if is_fresh(stamp, made_from):
        log.info(f"resuming the interrupted {work} (delete {folder} to start over)")
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
