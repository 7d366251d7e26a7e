"""Fetch one file: resumable, atomic, verified, with a deadline for the answer."""

import fcntl
import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from urllib3.exceptions import HTTPError

from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

#: Seconds in which a server has to answer, and the longest pause in what it sends.
ANSWER_WITHIN = 5.0
_ATTEMPTS = 3
_CHUNK = 1 << 16


class UnreachableError(ShortlistError):
    """A server did not answer, refused, or sent something other than the file."""


def answer(
    url: str, headers: Mapping[str, str], within: float = ANSWER_WITHIN
) -> requests.Response:
    """The response to a GET, its body not read yet.

    Certificates and proxies as `requests` has them.

    The deadline holds for everything up to the headers. A time-out of `requests` does not: it
    leaves out the look-up of the name and starts again at every address of the host.

    Raises:
        UnreachableError: no answer in time, or an answer that is an error.
    """
    outcome: queue.Queue[requests.Response | Exception] = queue.Queue()

    def ask() -> None:
        try:
            outcome.put(requests.get(url, headers=headers, stream=True, timeout=within))
        except Exception as error:
            outcome.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        response = outcome.get(timeout=within)
    except queue.Empty:
        raise UnreachableError(f"no answer within {within:g} s") from None
    if isinstance(response, requests.Timeout):
        raise UnreachableError(f"no answer within {within:g} s") from response
    if isinstance(response, Exception):
        raise UnreachableError(f"no connection ({type(response).__name__})") from response
    # 416: everything is here already, and the part after its end was asked for.
    if not response.ok and response.status_code != 416:
        raise UnreachableError(f"the answer was {response.status_code} {response.reason}")
    return response


def download(url: str, target: Path, verify: Callable[[Path], None]) -> None:
    """Put the file at ``url`` into ``target``, which appears only when it is complete and right.

    What came before a break stays in ``<target>.part``, and the next attempt, in this run or a
    later one, asks for the rest only.

    Args:
        verify: raises ``ShortlistError`` for a file that is not the expected one.

    Raises:
        UnreachableError: the file cannot be had now; what has come of it is kept.
        ShortlistError: what ``verify`` raised for the whole file, which is deleted.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with part.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # another process may be fetching the same
        if target.exists():
            return
        resumed = file.tell() > 0
        _fill(url, file)
        try:
            verify(part)
        except ShortlistError:
            _emptied(file)
            if not resumed:
                part.unlink()
                raise
            log.info("what an earlier run left was not the beginning of this file: starting again")
            _fill(url, file)
            verify(part)
        os.fsync(file.fileno())
        os.replace(part, target)


def _fill(url: str, file: BinaryIO) -> None:
    """Append to ``file`` what is missing of the file at ``url``."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _append(url, file)
            return
        except (requests.RequestException, HTTPError) as error:
            if attempt == _ATTEMPTS:
                raise UnreachableError(
                    f"the connection broke {_ATTEMPTS} times; the next run goes on at byte "
                    f"{file.tell():,}"
                ) from error
            log.info(f"the connection broke at byte {file.tell():,}: asking for the rest")


def _append(url: str, file: BinaryIO) -> None:
    have = file.seek(0, os.SEEK_END)
    # Compressed on the way, a body would be longer or shorter than the headers say.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with answer(url, headers) as response:
        if response.status_code == 416:
            return
        if response.status_code != 206:  # the server sends all of it, from the beginning
            have = _emptied(file)
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with _progress(url, have, total) as advance:
            # Not iter_content: it waits for whole chunks and loses the last one in a break.
            while chunk := response.raw.read1(_CHUNK):
                file.write(chunk)
                advance(len(chunk))
        file.flush()
    if total is not None and file.tell() < total:
        raise requests.ConnectionError("the body ended early")


def _emptied(file: BinaryIO) -> int:
    file.truncate(0)
    return file.seek(0)


@contextmanager
def _progress(url: str, have: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield what is told the bytes that came: a bar on a terminal, one line elsewhere."""
    name = url.rsplit("/", 1)[-1]
    console = Console(stderr=True)
    if not console.is_terminal:
        size = f"{total / 1e6:.1f} MB" if total else "size unknown"
        log.info(f"downloading {name} ({size}{f', from byte {have:,} on' if have else ''})")
        yield lambda count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=console) as bar:
        task = bar.add_task(f"downloading {name}", total=total, completed=have)
        yield lambda count: bar.advance(task, count)
