"""The ``train`` stage: prepared data in, towers, ranker and item embeddings out."""

import hashlib
from typing import Any

from models.distributed.joining import has_lost_another, joined
from models.distributed.workers import is_chief, several
from recipes.schema.recipe import Recipe
from sources.titles import titles
from stages.artifacts import Artifacts, Models
from stages.atomic import atomic_directory
from stages.errors import ShortlistError
from stages.log import logger
from stages.prerequisites import need
from stages.progress import phase
from stages.resuming import unfinished
from stages.stamps import fingerprint, is_fresh, stamped, write_stamp

log = logger(__name__)

#: The tables of a recipe that a training reads.
TRAINED = (
    "retriever",
    "linear",
    "transitions",
    "als",
    "repeat",
    "training",
    "ranker",
    "joint",
)


def train(
    recipe: Recipe, artifacts: Artifacts, *, force: bool = False, warm_start: bool = False
) -> None:
    """Train on ``artifacts.prepared`` and write ``artifacts.models`` (``stages.artifacts``).

    The new models replace the old ones at the very end: any failure before that leaves the old ones
    unchanged. A training that was killed, or stopped with Ctrl-C, resumes after its last finished epoch when
    the same training is started again, and ends with the same weights as an uninterrupted one.

    Models that are up to date are kept unless ``force`` or ``warm_start`` is set. ``warm_start`` initialises
    the training with the weights of the current models.

    If ``TF_CONFIG`` names several workers, this process is one of them (``models.distributed.workers``);
    rank 0 decides what to do, and only rank 0 logs and writes.

    Raises:
        ShortlistError: nothing is prepared, the loss diverges, or the disk is full; a warm start finds no
            models, or models that do not fit; another worker has stopped, or has other code or data.
    """
    with joined(), phase("training"):
        _train(recipe, artifacts, force, warm_start)


def _train(recipe: Recipe, artifacts: Artifacts, force: bool, warm_start: bool) -> None:
    need(artifacts.prepared.stamp, "prepare", recipe.given_as)
    made_from = fingerprint(
        recipe.model_dump(
            mode="json",
            include={
                **dict.fromkeys(TRAINED, True),
                "serving": {"candidates", "generators", "exclude"},
            },
        ),
        ["models", "runtime", "metrics", "shims"],
        [stamped(artifacts.prepared.stamp)],
    )
    if warm_start:
        if is_chief():
            need(artifacts.models.stamp, "train", recipe.given_as)
    elif not force and _are_fresh(artifacts.models, made_from):
        log.info(f"{artifacts.models.root} is up to date")
        return

    from models.distributed.collectives import agree
    from models.export.writing import write
    from models.prepared import PreparedData
    from models.training.fitting import Logs, file_errors
    from models.training.order import train_all
    from models.training.progress import Running

    agree(made_from, "code, recipe and prepared data")
    data = PreparedData(artifacts.prepared)
    figures: dict[str, Any] = {}
    former = artifacts.models if warm_start else None
    former_logs = None if former is None else former.logs
    if not is_chief():
        train_all(recipe, data, Logs(None, former_logs), figures)
        return
    try:
        with (
            file_errors(artifacts.root),
            unfinished(
                artifacts.training, made_from + _weights(former), "training", has_lost_another
            ) as left,
            atomic_directory(artifacts.models.root) as folder,
        ):
            names = titles(recipe, artifacts)
            models, running = Models(folder), Running(left)
            logs = Logs(running.logs, former_logs, running.progress)
            trained = train_all(recipe, data, logs, figures)
            running.copy_logs(models.logs)
            write(recipe, data, trained, models, figures, names)
            write_stamp(models.stamp, made_from)
    except OSError as error:
        raise ShortlistError(
            f"expected to write the models to {artifacts.models.root}, got: {error}. Earlier models there "
            "are unchanged. Free disk space, or set SHORTLIST_ARTIFACTS to another folder, and train again."
        ) from error


def _are_fresh(models: Models, made_from: str) -> bool:
    if not several():
        return is_fresh(models.stamp, made_from)
    # Imported late because it loads TensorFlow, which a single process does not need here.
    from models.distributed.collectives import from_chief

    return from_chief(lambda: is_fresh(models.stamp, made_from))


def _weights(former: Models | None) -> str:
    """SHA-256 of the weights that a warm start begins with; empty without a warm start."""
    if former is None:
        return ""
    digest = hashlib.sha256()
    for file in sorted(former.logs.rglob("*.npz")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
