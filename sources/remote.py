"""Files at URLs: what they depend on, and a copy of them in a temporary folder."""

import importlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from sources.download import UnreachableError, answer, download
from sources.formats import format_of
from sources.formats.found import is_data
from sources.spool import TemporaryFolder
from stages.errors import ShortlistError
from stages.log import logger
from stages.urls import scheme, secret_in, without_secrets

log = logger(__name__)

#: The packages of the extra `cloud` that read each store.
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}
#: What stores call the version of a file.
_VERSIONS = ("ETag", "etag", "LastModified", "last_modified", "updated", "mtime", "generation")


def versions(url: str, named: str) -> list[str]:
    """A line for every file at the URL, which changes if the file does.

    Raises:
        ShortlistError: nothing is there, or the store cannot be reached.
    """
    if _is_web(url):
        with _asked(url, named) as headers:
            known = [headers[name] for name in ("ETag", "Last-Modified") if name in headers]
        # a server that tells neither is read each time
        return [f"{without_secrets(url)} {known or time.time_ns()}"]
    _, _, files = _listed(url, named)
    return [
        f"{path} {info.get('size')} {[str(info[name]) for name in _VERSIONS if name in info]}"
        for path, info in files.items()
    ]


def fetch(url: str, named: str) -> tuple[Path, TemporaryFolder]:
    """Copy the file, the folder or the files of a pattern; returns their path, and the owner of the copy.

    Files that are no data are copied as empty ones.

    Raises:
        ShortlistError: nothing is there, or the store cannot be reached.
    """
    if found := secret_in(url):
        raise ShortlistError(
            f"expected no password or key in {without_secrets(url)}, got {found} in the URL. Put it into the "
            "environment, where the store's library looks for it."
        )
    folder = TemporaryFolder()
    if _is_web(url):
        return _download(url, named, folder.path), folder
    store, path, files = _listed(url, named)
    wild = _before_wildcard(path)
    root = PurePosixPath(wild or path)
    if list(files) == [path]:
        root = root.parent
    size = sum(info.get("size") or 0 for info in files.values())
    log.info(f"downloading {len(files):,} files ({size / 1e6:,.1f} MB) from {url}")
    for name in files:
        relative = PurePosixPath(name).relative_to(root)
        place = folder.path / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        if format_of(relative.name) and all(map(is_data, relative.parts)):
            with _explained(url, named):
                store.get_file(name, str(place))
        else:
            place.touch()
    if list(files) == [path]:
        return place, folder
    return folder.path / "**" / "*" if wild else folder.path, folder


def _download(url: str, named: str, folder: Path) -> Path:
    name = unquote(PurePosixPath(urlsplit(url).path).name)
    if format_of(name) is None:
        raise ShortlistError(
            "expected the URL of one file whose ending tells its kind, such as .csv or .parquet, got "
            f"{without_secrets(url)}, which {named}. A web server does not list folders."
        )
    target = folder / name
    try:
        download(url, target, lambda path: None)
    except UnreachableError as error:
        raise _unreachable(url, named, str(error)) from error
    return target


@contextmanager
def _asked(url: str, named: str) -> Iterator[Any]:
    try:
        with answer(url, {"Accept-Encoding": "identity"}) as response:
            yield response.headers
    except UnreachableError as error:
        raise _unreachable(url, named, str(error)) from error


def _listed(url: str, named: str) -> tuple[Any, str, dict[str, dict[str, Any]]]:
    """The store, the URL's path in it, and the files there with what it tells of each, by path."""
    store = _store(url)
    path = store._strip_protocol(url)
    with _explained(url, named):
        list_files = store.glob if _before_wildcard(path) else store.find
        found = list_files(path, detail=True)
    files = {
        name: info
        for name, info in sorted(found.items())
        if info.get("type") == "file" and not name.endswith("/")
    }
    if not files:
        raise _unreachable(url, named, "none")
    return store, path, files


def _before_wildcard(path: str) -> str:
    """The folders before the first part with a wildcard; empty if there is none."""
    found = re.search(r"[^/]*[*?\[]", path)
    return path[: found.start()] if found else ""


def _is_web(url: str) -> bool:
    return scheme(url) in ("http", "https")


def _store(url: str) -> Any:
    import fsspec  # type: ignore[import-untyped]

    name = scheme(url)
    if name not in _PACKAGES:
        raise ShortlistError(
            f"expected a URL that begins with s3://, gs://, az://, http:// or https://, got "
            f"{without_secrets(url)}."
        )
    try:
        importlib.import_module(_PACKAGES[name])
    except ImportError as error:
        raise ShortlistError(
            f"expected the package {_PACKAGES[name]} for {name}:// URLs, found none. Install it: "
            "uv sync --extra cloud"
        ) from error
    return fsspec.filesystem(name, use_listings_cache=False, skip_instance_cache=True)


@contextmanager
def _explained(url: str, named: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of botocore, google.auth, azure: each has its own
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise _unreachable(url, named, why) from error


def _unreachable(url: str, named: str, why: str) -> ShortlistError:
    return ShortlistError(
        f"expected files at {without_secrets(url)}, which {named}, got {why}. Check the URL, the "
        "network, and the credentials in the environment (docs/your-data.md)."
    )
