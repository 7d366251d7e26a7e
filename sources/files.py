"""Find a data set's files: in a folder that a person gives, or in a zip file."""

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
    """What to look for, and what to tell a person who lacks it."""

    title: str
    #: Folder of the files below the given one; they may lie in the given one as well.
    folder: str
    #: Sets of file names; any one of them is the whole data set.
    forms: tuple[tuple[str, ...], ...]
    #: Names of zip files that hold one of the forms.
    archives: tuple[str, ...]
    #: Where to get it.
    by_hand: str


@dataclass(frozen=True)
class Files:
    """The content of the files of one form by name, and where they come from."""

    origin: str
    content: Mapping[str, bytes]


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on beside the recipe: where local files would be taken from."""
    return [os.environ.get("SHORTLIST_DATA", "")]


def given_folder(data_dir: Path | None) -> Path | None:
    """``--data-dir``, or else the folder that ``SHORTLIST_DATA`` names."""
    named = os.environ.get("SHORTLIST_DATA")
    return data_dir or (Path(named) if named else None)


def local(dataset: Dataset, data_dir: Path | None) -> Files | None:
    """The files in the given folder; None where ``SHORTLIST_DATA`` names a folder without them.

    Raises:
        ShortlistError: ``data_dir`` does not hold them, or a zip file is damaged.
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
        f"{folder} does not hold {dataset.title}. Expected {_or(dataset.forms)}, in it or in its "
        f"folder {dataset.folder}, or {' or '.join(dataset.archives)}."
    )
    if data_dir is not None:
        raise ShortlistError(f"{missing} {dataset.by_hand}")
    # SHORTLIST_DATA may well be a folder of other data sets.
    log.info(f"{missing} Looking elsewhere.")
    return None


def in_archive(dataset: Dataset, archive: Path) -> Files:
    """The files in a zip file, in whatever folder of it.

    Raises:
        ShortlistError: it is no complete zip file, or does not hold the data set.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = {name.rsplit("/", 1)[-1]: name for name in opened.namelist()}
            for names in dataset.forms:
                if all(name in members for name in names):
                    content = {name: opened.read(members[name]) for name in names}
                    return Files(str(archive), content)
    # RuntimeError: it asks for a password, or for a compression that nobody knows.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ShortlistError(
            f"{archive} cannot be read as a zip file ({error}). Delete it and try again. "
            f"{dataset.by_hand}"
        ) from error
    raise ShortlistError(
        f"{archive} does not hold {dataset.title}: expected {_or(dataset.forms)} in it. "
        f"Delete it and try again. {dataset.by_hand}"
    )


def _or(forms: tuple[tuple[str, ...], ...]) -> str:
    return ", or ".join(", ".join(names) for names in forms)
