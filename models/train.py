"""The ``train`` stage: prepared data in, towers, ranker and item embeddings out."""

from collections.abc import Callable

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
    ones as they were. Models that are up to date are kept unless ``force`` or ``warm_start``: begin with
    the weights of the models that are there.

    Raises:
        ShortlistError: nothing is prepared, the loss diverges, or the disk is full; there are no models to
            begin with, or they do not fit.
    """
    need(artifacts.prepared.stamp, "prepare", recipe.given_as)
    made_from = fingerprint(
        recipe.model_dump(
            mode="json",
            include={"retriever": True, "ranker": True, "joint": True, "serving": {"candidates"}},
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

    try:
        with atomic_directory(artifacts.models.root) as folder, file_errors(folder):
            names = titles(recipe, artifacts)
            former = artifacts.models if warm_start else None
            train_all(recipe, artifacts.prepared, Models(folder), names, say, former)
            write_stamp(Models(folder).stamp, made_from)
    except OSError as error:
        raise ShortlistError(
            f"{artifacts.models.root} could not be written: {error}. What was there before is as it "
            "was. Free disk space, or set SHORTLIST_ARTIFACTS to another place, and train again."
        ) from error
