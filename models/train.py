"""The ``train`` stage: prepared data in, towers, ranker and item embeddings out."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recipes.artifacts import Artifacts, Models
from recipes.atomic import atomic_directory
from recipes.errors import ShortlistError
from recipes.freshness import fingerprint, is_fresh, stamped, write_stamp
from recipes.inputs import need
from recipes.recipe import Recipe
from sources.titles import titles

Say = Callable[[str], None]


def train(
    recipe: Recipe, artifacts: Artifacts, *, force: bool, say: Say, warm_start: bool = False
) -> None:
    """Train what ``artifacts.prepared`` holds; write ``artifacts.models`` (``recipes.artifacts``).

    The new models take the old ones' place at the very end: whatever goes wrong before leaves the old
    ones as they were. A training that was killed, or left with Ctrl-C, goes on at its last finished epoch
    when the same is to be trained again, and ends with the weights that it would have had.

    Models that are up to date are kept unless ``force`` or ``warm_start``: begin with the weights of the
    models that are there.

    Raises:
        ShortlistError: nothing is prepared, the loss diverges, or the disk is full; there are no models to
            begin with, or they do not fit.
    """
    need(artifacts.prepared.stamp, "prepare", recipe.given_as)
    made_from = fingerprint(
        recipe.model_dump(
            mode="json",
            include={
                **dict.fromkeys(("retriever", "linear", "als", "ranker", "joint"), True),
                "serving": {"candidates", "sources"},
            },
        ),
        ["models", "ensemble/runtime"],
        [stamped(artifacts.prepared.stamp)],
    )
    if warm_start:
        need(artifacts.models.stamp, "train", recipe.given_as)
    elif not force and is_fresh(artifacts.models.stamp, made_from):
        say(f"{artifacts.models.root} is up to date")
        return

    from models.fitting import file_errors
    from models.phases import train_all
    from models.progress import Running

    former = artifacts.models if warm_start else None
    try:
        with (
            file_errors(artifacts.root),
            _progress(artifacts.training, made_from + _weights(former), say) as running,
            atomic_directory(artifacts.models.root) as folder,
        ):
            names = titles(recipe, artifacts)
            models = Models(folder)
            train_all(recipe, artifacts.prepared, models, names, say, Running(running), former)
            write_stamp(models.stamp, made_from)
    except OSError as error:
        raise ShortlistError(
            f"{artifacts.models.root} could not be written: {error}. What was there before is as it "
            "was. Free disk space, or set SHORTLIST_ARTIFACTS to another place, and train again."
        ) from error


@contextmanager
def _progress(folder: Path, made_from: str, say: Say) -> Iterator[Path]:
    """The folder of a training that runs, with what a killed one of the same fingerprint left in it.

    It is removed at the end, and where the training failed, which it would do again.
    """
    stamp = folder / "stamp.json"
    if is_fresh(stamp, made_from):
        say(f"going on with the training that was interrupted (delete {folder} to begin anew)")
    else:
        shutil.rmtree(folder, ignore_errors=True)
        write_stamp(stamp, made_from)
    try:
        yield folder
    except Exception:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder)


def _weights(former: Models | None) -> str:
    """SHA-256 of the weights that a training begins with; empty where it begins with none."""
    if former is None:
        return ""
    digest = hashlib.sha256()
    for file in sorted(former.logs.rglob("*.npz")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
