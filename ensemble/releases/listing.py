"""The releases that can be published or rolled back to."""

from dataclasses import dataclass
from pathlib import Path

from ensemble.releases.figures import Figures, figures, main_figure
from ensemble.releases.repository import releases
from ensemble.releases.served import served_version
from recipes.schema.recipe import Recipe
from runtime import manifest
from runtime.errors import ReleaseError
from stages.artifacts import Artifacts
from stages.errors import ShortlistError


@dataclass(frozen=True)
class Listed:
    """A release: ``created`` in UTC (ISO 8601), ``figures`` the recipe's main one, ``bytes`` on disk.

    ``whole``: whether every file is as it was exported, None if not checked; ``problem`` names the file
    that is not. If the manifest is damaged, its values are None.
    """

    release: int
    served: bool
    created: str | None
    items: int | None
    figures: Figures
    bytes: int
    whole: bool | None
    problem: str | None


def list_releases(recipe: Recipe, artifacts: Artifacts, *, check: bool) -> list[Listed]:
    """Every release, oldest first; with ``check``, compare all files with the manifest.

    Raises:
        ShortlistError: there is none.
    """
    existing = releases(artifacts)
    if not existing:
        raise ShortlistError(
            f"expected a release in {artifacts.model_repository}, found none. "
            f"`shortlist export {recipe.given_as}` makes one."
        )
    served, name = served_version(artifacts), main_figure(recipe)
    return [_listed(release, served, name, check) for release in existing]


def _listed(release: Path, served: int | None, figure: str, check: bool) -> Listed:
    facts, problem = {}, None
    try:
        facts = manifest.read(release)
        if check:
            manifest.verify(release)
    except ReleaseError as error:
        problem = str(error)
    found = figures(facts)
    return Listed(
        release=int(release.name),
        served=int(release.name) == served,
        created=facts.get("created"),
        items=facts.get("items"),
        figures={figure: found[figure]} if figure in found else {},
        bytes=sum(path.stat().st_size for path in release.rglob("*") if path.is_file()),
        whole=False if problem else (True if check else None),
        problem=problem,
    )
