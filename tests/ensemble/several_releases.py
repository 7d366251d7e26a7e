"""Releases of the made-up recommender that answer differently, and helpers to change them."""

import json
import shutil
import tempfile
from pathlib import Path

from ensemble.releases.export import export
from ensemble.releases.gate import Gate
from ensemble.releases.publish import publish, rollback
from ensemble.releases.repository import releases
from runtime import manifest
from stages.artifacts import Artifacts
from tests.ensemble.synthetic import RECIPE, write_artifacts
from tests.heard import heard


def export_another(artifacts: Artifacts, seed: int, ndcg: float | None = None) -> Path:
    """Export the next release, with models drawn with ``seed``; ``ndcg`` is its NDCG@10."""
    artifacts.report.unlink(missing_ok=True)
    if ndcg is not None:
        figures = {"systems": {"funnel": {"ndcg@10": ndcg}}, "protocols": []}
        artifacts.report.write_text(json.dumps(figures))
    with tempfile.TemporaryDirectory() as folder:
        drawn = write_artifacts(Path(folder) / "made-up", seed)
        shutil.rmtree(artifacts.models.root, ignore_errors=True)
        shutil.copytree(drawn.models.root, artifacts.models.root)
    return export(RECIPE, artifacts, force=True)


def write_three_releases(root: Path) -> Artifacts:
    """Write trained parts and their releases 1, 2 and 3, with NDCG@10 of 0.50, 0.51 and 0.40."""
    artifacts = write_artifacts(root)
    for seed, ndcg in ((7, 0.50), (8, 0.51), (9, 0.40)):
        export_another(artifacts, seed, ndcg)
    return artifacts


def change(release: Path, name: str, old: str, new: str) -> None:
    """Change a line in one file of a release, and seal it as if it had been exported like that."""
    path = release / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    manifest.seal(release, manifest.read(release))


def damage(release: Path) -> None:
    """Flip one bit of its ranker."""
    path = release / "ranker.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def names(artifacts: Artifacts) -> list[str]:
    """The names of the existing releases."""
    return [path.name for path in releases(artifacts)]


def published(
    artifacts: Artifacts, version: int | None = None, gate: Gate | None = None, **serving: int
) -> list[str]:
    """Publish, whatever the figures; returns the log lines. ``serving``: settings of the recipe."""
    recipe = RECIPE.model_copy(update={"serving": RECIPE.serving.model_copy(update=serving)})
    with heard() as lines:
        publish(recipe, artifacts, version, gate or Gate(force=True))
    return lines


def rolled_back(artifacts: Artifacts, version: int | None = None) -> None:
    """Roll back."""
    rollback(RECIPE, artifacts, version)


def temporary_files(artifacts: Artifacts) -> list[Path]:
    """Temporary files, which no command should leave behind."""
    return list(artifacts.root.rglob("*.tmp"))
