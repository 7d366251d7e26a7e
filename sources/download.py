"""Download one file: resumable, atomic, verified, with a deadline for the response."""

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

#: Seconds in which a server must answer; also the longest pause while it sends the body.
ANSWER_WITHIN = 5.0
_ATTEMPTS = 3
_CHUNK = 1 << 16


class UnreachableError(ShortlistError):
    """A server did not answer, refused the request, or sent something other than the file."""


def answer(
    url: str, headers: Mapping[str, str], within: float = ANSWER_WITHIN
) -> requests.Response:
    """Send a GET and return the response, its body not read yet.

    `requests` handles certificates and proxies. The deadline covers everything up to the headers, which
    a timeout of `requests` does not: it excludes the DNS lookup and restarts for every address of the host.

    Raises:
        UnreachableError: no response in time, or an error response. The message is a fragment that
            follows "got".
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
    # 416: the file is already complete, and the request was for bytes after its end.
    if not response.ok and response.status_code != 416:
        raise UnreachableError(f"status {response.status_code} {response.reason}")
    return response


def download(url: str, target: Path, verify: Callable[[Path], None]) -> None:
    """Download ``url`` to ``target``, which appears only once it is complete and verified.

    If the connection breaks, the bytes so far stay in ``<target>.part``. The next attempt, in this run or
    a later one, requests only the rest.

    Args:
        verify: raises ``ShortlistError`` for a file that is not the expected one.

    Raises:
        UnreachableError: the file is not available now; the bytes downloaded so far are kept.
        ShortlistError: ``verify`` raised it for the complete file, which is deleted.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with part.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # another process may be downloading the same file
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
            log.info(f"{part} was not the beginning of this file: starting over")
            _fill(url, file)
            verify(part)
        os.fsync(file.fileno())
        os.replace(part, target)


def _fill(url: str, file: BinaryIO) -> None:
    """Append the missing rest of the file at ``url`` to ``file``."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _append(url, file)
            return
        except (requests.RequestException, HTTPError) as error:
            if attempt == _ATTEMPTS:
                raise UnreachableError(
                    f"{_ATTEMPTS} broken connections; the next run resumes at byte {file.tell():,}"
                ) from error
            log.info(f"the connection broke at byte {file.tell():,}: requesting the rest")


def _append(url: str, file: BinaryIO) -> None:
    have = file.seek(0, os.SEEK_END)
    # With a content encoding, the length of the body would differ from the headers.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with answer(url, headers) as response:
        if response.status_code == 416:
            return
        if response.status_code != 206:  # the server sends the whole file from the beginning
            have = _emptied(file)
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with _progress(url, have, total) as advance:
            # Not iter_content: it waits for whole chunks, and loses the last one if the connection breaks.
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
    """Yield a callback that takes byte counts: a progress bar on a terminal, otherwise one log line."""
    name = url.rsplit("/", 1)[-1]
    console = Console(stderr=True)
    if not console.is_terminal:
        size = f"{total / 1e6:.1f} MB" if total else "size unknown"
        log.info(f"downloading {name} ({size}{f', from byte {have:,}' if have else ''})")
        yield lambda count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=console) as bar:
        task = bar.add_task(f"downloading {name}", total=total, completed=have)
        yield lambda count: bar.advance(task, count)
