"""The report of an evaluation: JSON for machines, tables for people."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.atomic import atomic_file

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from evaluation.funnel import Evaluation


def write_report(path: Path, recipe_name: str, evaluation: "Evaluation", fingerprint: str) -> None:
    """Write ``report.json`` atomically; its fingerprint is its own stamp (``recipes.freshness``)."""
    content = {"recipe": recipe_name, "fingerprint": fingerprint, **asdict(evaluation)}
    with atomic_file(path) as temporary:
        temporary.write_text(
            json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )


def read_report(path: Path) -> dict[str, Any]:
    """The content of a ``report.json``."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def tables(report: dict[str, Any]) -> "Group":
    """The report as tables for a terminal."""
    from rich.console import Group
    from rich.table import Table

    columns = list(next(iter(report["systems"].values())))
    quality = Table(title=f"{report['recipe']}: {report['users']:,} test users, whole catalogue")
    quality.add_column("")
    for column in columns:
        quality.add_column(column, justify="right")
    for system, figures in report["systems"].items():
        quality.add_row(system, *[f"{figures[column]:.4f}" for column in columns])

    stages = Table(title="Relevant items that are left after each stage")
    for stage in report["stages"]:
        stages.add_column(stage, justify="right")
    stages.add_row(*[f"{share:.1%}" for share in report["stages"].values()])

    further = [_protocol(table) for table in report["protocols"]]
    auc, log_loss = (_figure(report["ranker"][name]) for name in ("auc", "log_loss"))
    line = f"ranker over the candidates: AUC {auc}, log loss {log_loss}"
    return Group(quality, stages, *further, line)


def _protocol(content: dict[str, Any]) -> "Table":
    from rich.table import Table

    table = Table(title=content["title"])
    table.add_column("")
    for column in content["columns"]:
        table.add_column(column, justify="right")
    for system, figures in content["rows"].items():
        shown = [f"{figures[name]:.4f}" if name in figures else "" for name in content["columns"]]
        table.add_row(system, *shown)
    return table


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
