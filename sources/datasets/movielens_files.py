"""Get the files of MovieLens-100K from a local folder, GroupLens, or a wheel on PyPI.

The data may be used for research but must not be redistributed (see its README at grouplens.org), so
this project does not contain them and every user downloads them.
"""

import hashlib
import os
from pathlib import Path
from urllib.parse import urljoin

from sources.download import UnreachableError, answer, download
from sources.files import Dataset, Files, in_archive, local
from stages.artifacts import downloads
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

ZIP_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
WHEEL = "recbole-1.2.1-py3-none-any.whl"
WHEEL_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
#: Of ``u.data``, and of the lines below the header of the wheel's ``.inter``, which are the same.
RATINGS_SHA256 = "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"

GROUPLENS_NAMES = ("u.data", "u.user", "u.item", "u.genre")
RECBOLE_NAMES = ("ml-100k.inter", "ml-100k.user", "ml-100k.item")

_BY_HAND = (
    f"Download {ZIP_URL} on a machine that can, and give its folder: --data-dir FOLDER, or the "
    "environment variable SHORTLIST_DATA."
)

DATASET = Dataset(
    title="MovieLens-100K",
    folder="ml-100k",
    forms=(GROUPLENS_NAMES, RECBOLE_NAMES),
    archives=("ml-100k.zip", WHEEL),
    by_hand=_BY_HAND,
)


def find(data_dir: Path | None) -> Files:
    """The files, in GroupLens' or RecBole's form, from the first place that has them.

    Places that do not answer are skipped.

    Raises:
        ShortlistError: ``data_dir`` does not contain them, no place has them, or the ratings are not
            MovieLens-100K's.
    """
    local = _local(data_dir)
    if local is not None:
        return local
    for archive in _archives():
        if archive.exists():
            return _in_archive(archive)
    for archive, fetch in zip(_archives(), (_fetch_zip, _fetch_wheel), strict=True):
        try:
            fetch(archive)
            return _in_archive(archive)
        except ShortlistError as error:
            log.info(f"skipping {archive.name}: {error}")
    raise ShortlistError(
        "expected to download MovieLens-100K from GroupLens or a package index, got it from neither. "
        f"{_BY_HAND}"
    )


def _archives() -> tuple[Path, Path]:
    """Paths of the downloads: GroupLens' zip file, and the wheel."""
    return downloads() / "ml-100k.zip", downloads() / WHEEL


def _local(data_dir: Path | None) -> Files | None:
    files = local(DATASET, data_dir)
    return None if files is None else _verified(files)


def _in_archive(archive: Path) -> Files:
    """The files in GroupLens' zip file or in the wheel, which is also a zip file."""
    return _verified(in_archive(DATASET, archive))


def ratings(files: Files) -> bytes:
    """Tab-separated lines of user, item, rating and timestamp, as in ``u.data``."""
    if "u.data" in files.content:
        return files.content["u.data"].replace(b"\r\n", b"\n")
    return files.content["ml-100k.inter"].replace(b"\r\n", b"\n").partition(b"\n")[2]


def _verified(files: Files) -> Files:
    found = hashlib.sha256(ratings(files)).hexdigest()
    if found != RATINGS_SHA256:
        raise ShortlistError(
            f"expected the ratings of MovieLens-100K, SHA-256 {RATINGS_SHA256}, in {files.origin}, got "
            f"SHA-256 {found}. The file is damaged, or is another data set. Download it again."
        )
    return files


def _fetch_zip(target: Path) -> None:
    log.info(f"requesting {ZIP_URL}")
    download(ZIP_URL, target, _holds_the_data)


def _holds_the_data(path: Path) -> None:
    _in_archive(path)


def _fetch_wheel(target: Path) -> None:
    """Download the wheel, which is read as an archive and neither installed nor imported."""
    log.info(f"requesting {WHEEL} from {_index()}")
    download(_wheel_url(), target, _is_the_wheel)


def _index() -> str:
    return os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/recbole/"


def _wheel_url() -> str:
    with answer(_index(), {"Accept": "application/vnd.pypi.simple.v1+json"}) as response:
        try:
            files = response.json()["files"]
        except (ValueError, KeyError, TypeError) as error:
            raise UnreachableError("an index that does not answer in JSON (PEP 691)") from error
    for file in files:
        if file["filename"] == WHEEL:
            return urljoin(_index(), file["url"])
    raise UnreachableError(f"an index that does not list {WHEEL}")


def _is_the_wheel(path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise ShortlistError(f"expected SHA-256 {WHEEL_SHA256}, got {found}")


def reachable() -> str:
    """The place where ``find`` would get the files now; nothing is downloaded.

    Raises:
        ShortlistError: no place has them.
    """
    local = _local(None)
    if local is not None:
        return local.origin
    for archive in _archives():
        if archive.exists():
            return str(archive)
    try:
        answer(ZIP_URL, {}).close()
        return ZIP_URL
    except UnreachableError:
        pass
    try:
        return _wheel_url()
    except UnreachableError as error:
        raise ShortlistError(
            f"expected an answer from GroupLens or a package index, got none. {_BY_HAND}"
        ) from error
