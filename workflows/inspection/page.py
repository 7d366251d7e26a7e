"""Render an inspection as one self-contained HTML page (``page.html``)."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stages.artifacts import PARTS
from stages.atomic import atomic_file
from workflows.inspection import picture, tables
from workflows.inspection.drift import LARGE, MODERATE
from workflows.inspection.facts import Inspection, Span

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_page(found: Inspection, path: Path) -> None:
    """Write the page to ``path`` atomically."""
    content = _TEMPLATES.get_template("page.html").render(_content(found))
    with atomic_file(path) as temporary:
        temporary.write_text(f"{content.strip()}\n", encoding="utf-8")


def _content(found: Inspection) -> dict[str, Any]:
    """Return the template's variables."""
    balances = []
    for balance in found.balances:
        texts = tables.shares(dict(balance.outcomes))
        rows = [(name, count, texts[name]) for name, count in balance.outcomes]
        balances.append((balance.of, picture.bars(rows)))
    activity = []
    for each in found.activity:
        names = [f"{2**power:,}+" for power in range(len(each.by_doubling))]
        chart = picture.columns(names, {each.name: each.by_doubling}, stacked=False)
        activity.append((each.name, tables.activity_of(found)[each.name], chart))
    return {
        "title": f"{found.recipe}: raw data",
        "found": found,
        "rows": tables.rows_of(found).items(),
        "columns": map(tables.column_row, found.columns),
        "column_header": tables.COLUMN_HEADER,
        "balances": balances,
        "period": "" if found.span is None else tables.period(found.span),
        "along": None if found.span is None else _along(found.span),
        "activity": activity,
        "cold": tables.cold_of(found).items() if found.cold else (),
        **_drifts(found),
    }


def _along(span: Span) -> picture.Picture:
    stretches = len(span.along[0])
    step = (span.last - span.first) / stretches
    names = [tables.day(span.first + number * step) for number in range(stretches)]
    return picture.columns(names, dict(zip(PARTS, span.along, strict=True)), stacked=True)


def _drifts(found: Inspection) -> dict[str, Any]:
    drifts = [(column.key, column.drift) for column in found.columns if column.drift is not None]
    drifts.sort(key=lambda each: -each[1].index)
    rows = [(key, drift.index, f"{drift.index:.3f} {drift.verdict}") for key, drift in drifts]
    marks = [mark for mark in (MODERATE, LARGE) if drifts and mark <= 2 * drifts[0][1].index]
    charts = [
        (
            key,
            picture.columns(drift.bins, {"train": drift.train, "test": drift.test}, stacked=False),
        )
        for key, drift in drifts
    ]
    return {
        "drifts": charts,
        "drift_sizes": picture.bars(rows, marks),
        "moderate": MODERATE,
        "large": LARGE,
    }
