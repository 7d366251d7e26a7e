"""The report of an evaluation: JSON for machines, tables for people."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.atomic import atomic_file

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from evaluation.funnel import Evaluation
    from evaluation.uncertainty import Spread


def write_report(path: Path, recipe_name: str, evaluation: "Evaluation", fingerprint: str) -> None:
    """Write ``report.json`` atomically; its fingerprint serves as its stamp (``stages.stamps``)."""
    content = {"recipe": recipe_name, "fingerprint": fingerprint, **asdict(evaluation)}
    with atomic_file(path) as temporary:
        temporary.write_text(
            json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )


def read_report(path: Path) -> dict[str, Any]:
    """Read a ``report.json``."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def tables(report: dict[str, Any]) -> "Group":
    """Return the report as tables for a terminal."""
    from rich.console import Group

    title = f"{report['recipe']}: {report['users']:,} test users, whole catalogue"
    quality = _by_system(title, report["systems"])
    beyond = _by_system("Beyond accuracy", report["beyond_accuracy"])
    groups = [
        _by_system(
            f"{group['users']:,} users with {group['fewest']:,} to {group['most']:,} training items",
            group["systems"],
        )
        for group in report["groups"]
    ]
    further = [_protocol(table) for table in report["protocols"]]
    auc, log_loss = (_figure(report["ranker"][name]) for name in ("auc", "log_loss"))
    line = f"ranker over the candidates: AUC {auc}, log loss {log_loss}"
    return Group(
        quality,
        *_leads(report),
        _stages(report),
        beyond,
        *groups,
        *further,
        *_passage(report),
        line,
        *[f"{name} is not measured: {why}" for name, why in _skipped(report).items()],
        report.get("verdict", ""),
    )


def spread_table(title: str, spreads: "dict[str, dict[str, Spread]]") -> "Table":
    """Return mean and spread of each figure, a row per system."""
    return _by_system(title, spreads)


def _by_system(title: str, systems: Mapping[str, Mapping[str, Any]]) -> "Table":
    from rich.table import Table

    columns = list(dict.fromkeys(name for figures in systems.values() for name in figures))
    table = Table(title=title)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    for system, figures in systems.items():
        table.add_row(system, *[_figure(figures.get(column)) for column in columns])
    return table


def _leads(report: dict[str, Any]) -> "list[Table]":
    """Return the funnel's lead over each simple method; nothing for a report without it."""
    from rich.table import Table

    if "baselines" not in report:
        return []
    metric = report["baselines"]["metric"]
    table = Table(title=f"Lead of the funnel over simple methods, {metric}")
    for column in ("", "lead", "standard error"):
        table.add_column(column, justify="right" if column else "left")
    for name, lead in report["baselines"]["leads"].items():
        table.add_row(name, f"{lead['difference']:+.4f}", _figure(lead["standard_error"]))
    return [table]


def _skipped(report: dict[str, Any]) -> dict[str, str]:
    skipped: dict[str, str] = report.get("baselines", {}).get("skipped", {})
    return skipped


def _stages(report: dict[str, Any]) -> "Table":
    from rich.table import Table

    table = Table(title="Relevant items left after each stage")
    for stage in report["stages"]:
        table.add_column(
            f"{stage} ({report['passage']['items'][stage]:,.0f} items)", justify="right"
        )
    table.add_row(*[f"{share:.1%}" for share in report["stages"].values()])
    return table


def _passage(report: dict[str, Any]) -> list[str]:
    """Return a line each on retrieval, on filtering and on the ranker's lift."""
    passage = report["passage"]
    filtering = passage["filtering"]
    lines = [
        f"retrieval: recall@{passage['retrieval_depth']} {passage['retrieval_recall']:.4f}",
        "filtering, of the retrieved items: "
        f"{filtering['filtered_out']:.1%} left out "
        f"({filtering['relevant_filtered_out']:.1%} of the relevant), "
        f"{filtering['cut_off']:.1%} cut off ({filtering['relevant_cut_off']:.1%} of the relevant)",
    ]
    lift = passage["lift"]
    if lift is not None:
        error = "" if lift["standard_error"] is None else f" ± {lift['standard_error']:.4f}"
        lines.append(
            f"ranker: lifts NDCG@{lift['k']} of the candidates by {lift['difference']:+.4f}{error}, from "
            f"{lift['as_retrieved']:.4f} to {lift['as_ranked']:.4f}; the best order would give "
            f"{lift['in_best_order']:.4f}"
        )
    return lines


def _protocol(content: dict[str, Any]) -> "Table":
    from rich.table import Table

    table = Table(title=content["title"])
    table.add_column("")
    for column in content["columns"]:
        table.add_column(column, justify="right", overflow="fold")
    for system, figures in content["rows"].items():
        shown = [f"{figures[name]:.4f}" if name in figures else "" for name in content["columns"]]
        table.add_row(system, *shown)
    return table


def _figure(value: "float | Spread | None") -> str:
    if isinstance(value, float | int):
        return f"{value:.4f}"
    return "none" if value is None else str(value)
