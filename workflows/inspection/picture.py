"""Bars as inline SVG: enough for a page that needs nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from html import escape

#: Colours of the series that charts know.
COLOURS = {"train": "#4c72b0", "valid": "#9db4d8", "test": "#dd8452"}
_WIDTH = 640
_ROW = 22
_NAMES = 220


def bars(rows: Sequence[tuple[str, float, str]], marks: Sequence[float] = ()) -> str:
    """A bar from left to right for each ``(name, length, text)``; ``marks``: lengths with a line."""
    longest = max([length for _, length, _ in rows] + list(marks)) or 1.0
    room = _WIDTH - _NAMES - 110
    height = _ROW * len(rows)
    parts = []
    for number, (name, length, text) in enumerate(rows):
        top = number * _ROW
        end = _NAMES + room * length / longest
        parts.append(
            f'<text x="{_NAMES - 8}" y="{top + 15}" text-anchor="end">{escape(_short(name, 32))}</text>'
            f'<rect x="{_NAMES}" y="{top + 3}" width="{end - _NAMES:.1f}" height="{_ROW - 6}" '
            f'fill="{COLOURS["train"]}"><title>{escape(name)}: {escape(text)}</title></rect>'
            f'<text x="{end + 6:.1f}" y="{top + 15}">{escape(text)}</text>'
        )
    for mark in marks:
        x = _NAMES + room * mark / longest
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}" class="mark">'
            f"<title>{mark:g}</title></line>"
        )
    return _svg(height, parts)


def columns(names: Sequence[str], series: Mapping[str, Sequence[float]], stacked: bool) -> str:
    """Bars from below for each name, of each series beside or upon each other; names as tooltips.

    ``series``: heights by the series' name, as many as there are names.
    """
    heights = list(series.values())
    totals = [sum(each) if stacked else max(each) for each in zip(*heights, strict=True)]
    highest, tall = max(totals, default=0) or 1, 130
    step = _WIDTH / max(len(names), 1)
    width = step * 0.86 / (1 if stacked else len(series))
    parts = []
    for number, name in enumerate(names):
        floor = float(tall)
        for place, (kind, values) in enumerate(series.items()):
            height = tall * values[number] / highest
            left = number * step + (0 if stacked else place * width)
            parts.append(
                f'<rect x="{left:.1f}" y="{floor - height:.1f}" width="{width:.1f}" '
                f'height="{height:.1f}" fill="{COLOURS.get(kind, COLOURS["train"])}">'
                f"<title>{escape(name)}, {escape(kind)}: {_number(values[number])}</title></rect>"
            )
            floor -= height if stacked else 0
    every = -(-len(names) // max(1, int(_WIDTH / 70)))
    for number in range(0, len(names), every):
        parts.append(
            f'<text x="{number * step:.1f}" y="{tall + 15}">'
            f"{escape(_short(names[number], 11 * every))}</text>"
        )
    return _legend(series) + _svg(tall + 20, parts)


def _legend(series: Mapping[str, Sequence[float]]) -> str:
    if len(series) < 2:
        return ""
    marks = [f'<b style="color:{COLOURS[kind]}">■</b> {escape(kind)}' for kind in series]
    return f'<p class="legend">{" &nbsp; ".join(marks)}</p>'


def _svg(height: float, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img">{"".join(parts)}</svg>'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.1%}"
