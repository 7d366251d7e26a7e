"""Find a data set's files in a folder that the user gives, or in a zip file."""

import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recipes.schema.recipe import Recipe
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)


@dataclass(frozen=True)
class Dataset:
    """The files of a data set, and how users get them."""

    title: str
    #: Subfolder of the given folder that may hold the files; the given folder itself may, too.
    folder: str
    #: Sets of file names, each of which is the whole data set.
    forms: tuple[tuple[str, ...], ...]
    #: Names of zip files that hold one of the forms.
    archives: tuple[str, ...]
    #: Instructions for getting it, as sentences.
    by_hand: str


@dataclass(frozen=True)
class Files:
    """The content of the files of one form, by name, and the folder or zip file that holds them."""

    origin: str
    content: Mapping[str, bytes]


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on besides the recipe: the folder that local files would come from."""
    return [os.environ.get("SHORTLIST_DATA", "")]


def given_folder(data_dir: Path | None) -> Path | None:
    """``--data-dir``, or else the folder that ``SHORTLIST_DATA`` names."""
    named = os.environ.get("SHORTLIST_DATA")
    return data_dir or (Path(named) if named else None)


def local(dataset: Dataset, data_dir: Path | None) -> Files | None:
    """The files in the given folder; None if no folder is given or ``SHORTLIST_DATA`` lacks them.

    Raises:
        ShortlistError: ``data_dir`` does not contain them, or a zip file is damaged.
    """
    folder = given_folder(data_dir)
    if folder is None:
        return None
    for place in (folder, folder / dataset.folder):
        for names in dataset.forms:
            if all((place / name).is_file() for name in names):
                content = {name: (place / name).read_bytes() for name in names}
                return Files(str(place), content)
    for name in dataset.archives:
        if (folder / name).is_file():
            return in_archive(dataset, folder / name)
    missing = (
        f"expected {dataset.title} in {folder} ({_or(dataset.forms)}, there or in the subfolder "
        f"{dataset.folder}, or {' or '.join(dataset.archives)}), got none of these."
    )
    if data_dir is not None:
        raise ShortlistError(f"{missing} {dataset.by_hand}")
    # SHORTLIST_DATA may be a folder of other data sets.
    log.info(f"{missing} Looking elsewhere.")
    return None


def in_archive(dataset: Dataset, archive: Path) -> Files:
    """The files in a zip file, in any of its folders.

    Raises:
        ShortlistError: it is not a complete zip file, or does not contain the data set.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = {name.rsplit("/", 1)[-1]: name for name in opened.namelist()}
            for names in dataset.forms:
                if all(name in members for name in names):
                    content = {name: opened.read(members[name]) for name in names}
                    return Files(str(archive), content)
    # RuntimeError: it needs a password, or an unknown compression.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ShortlistError(
            f"expected a zip file at {archive}, got an error: {error}. Delete it and try again. "
            f"{dataset.by_hand}"
        ) from error
    raise ShortlistError(
        f"expected {dataset.title} in {archive} ({_or(dataset.forms)}), got none of these. "
        f"Delete it and try again. {dataset.by_hand}"
    )


def _or(forms: tuple[tuple[str, ...], ...]) -> str:
    return ", or ".join(", ".join(names) for names in forms)
