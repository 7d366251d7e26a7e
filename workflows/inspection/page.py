"""An inspection as one HTML page that stands by itself: no script, no font, no file beside it."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from stages.artifacts import PARTS
from stages.atomic import atomic_file
from workflows.inspection import picture, tables
from workflows.inspection.drift import LARGE, MODERATE
from workflows.inspection.facts import Inspection

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.2rem; } table { border-collapse: collapse; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #ddd; }
svg { width: 100%; max-width: 44rem; font: 11px system-ui, sans-serif; } .mark { stroke: #c44e52; }
.refused { border-left: 4px solid #c44e52; padding-left: 1rem; }
.legend, summary { color: #555; } details { margin: .4rem 0; }
"""


def write_page(found: Inspection, path: Path) -> None:
    """Write the page to ``path``, whole or not at all."""
    title = f"{found.recipe}: raw data"
    content = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{''.join(_sections(found))}"
        "</body></html>\n"
    )
    with atomic_file(path) as temporary:
        temporary.write_text(content, encoding="utf-8")


def _sections(found: Inspection) -> Iterator[str]:
    if found.refusals:
        yield _list("Refused: these data would train to nonsense", found.refusals, "refused")
    if found.remarks:
        yield _list("Worth knowing", found.remarks)
    yield _heading("Rows") + _table(tables.rows_of(found).items())
    yield _heading("Columns")
    yield _table(map(tables.column_row, found.columns), tables.COLUMN_HEADER)
    for balance in found.balances:
        yield _heading(f"Outcomes: {balance.of}")
        texts = tables.shares(dict(balance.outcomes))
        yield picture.bars([(name, rows, texts[name]) for name, rows in balance.outcomes])
    if found.span is not None:
        yield _heading("Time") + _paragraph(tables.period(found.span))
        yield _along(found)
    for each in found.activity:
        yield _heading(f"Interactions each of the {each.name} has")
        yield _paragraph(tables.activity_of(found)[each.name])
        names = [f"{2**power:,}+" for power in range(len(each.by_doubling))]
        yield picture.columns(names, {each.name: each.by_doubling}, stacked=False)
    if found.cold:
        yield _heading("Cold in the test part") + _table(tables.cold_of(found).items())
    yield from _drifts(found)


def _along(found: Inspection) -> str:
    span = found.span
    assert span is not None
    stretches = len(span.along[0])
    step = (span.last - span.first) / stretches
    names = [tables.day(span.first + number * step) for number in range(stretches)]
    series = dict(zip(PARTS, span.along, strict=True))
    return picture.columns(names, series, stacked=True)


def _drifts(found: Inspection) -> Iterator[str]:
    drifts = [(column.key, column.drift) for column in found.columns if column.drift is not None]
    if not drifts:
        return
    drifts.sort(key=lambda each: -each[1].index)
    yield _heading("Drift from train to test")
    yield _paragraph(
        f"Population stability index, largest first: above {MODERATE} moderate, above {LARGE} large "
        "(the lines), and noise where chance alone would often give as much."
    )
    yield picture.bars(
        [(key, drift.index, f"{drift.index:.3f} {drift.verdict}") for key, drift in drifts],
        [mark for mark in (MODERATE, LARGE) if mark <= 2 * drifts[0][1].index],
    )
    for key, drift in drifts:
        chart = picture.columns(
            drift.bins, {"train": drift.train, "test": drift.test}, stacked=False
        )
        yield f"<details><summary>{escape(key)}</summary>{chart}</details>"


def _heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _list(title: str, lines: Sequence[str], kind: str = "") -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<section class="{kind}">{_heading(title)}<ul>{items}</ul></section>'


def _table(rows: Iterable[Iterable[str]], header: Sequence[str] = ()) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
