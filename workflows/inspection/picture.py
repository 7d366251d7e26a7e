"""Bar charts as rectangles and labels, which ``page.html`` draws as inline SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: Colours of the series by name.
COLOURS = {"train": "#4c72b0", "valid": "#9db4d8", "test": "#dd8452"}
_WIDTH = 640
_ROW = 22
_NAMES = 220
_TALL = 130


@dataclass(frozen=True)
class Bar:
    """A rectangle with a tooltip."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    title: str


@dataclass(frozen=True)
class Label:
    """A text with its ``anchor`` (start or end) at the point."""

    x: float
    y: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True)
class Mark:
    """A vertical line with a tooltip."""

    x: float
    title: str


@dataclass
class Picture:
    """A chart in SVG units; ``legend``: name and colour of each series, if there are several."""

    height: float
    width: int = _WIDTH
    bars: list[Bar] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)


def bars(rows: Sequence[tuple[str, float, str]], marks: Sequence[float] = ()) -> Picture:
    """Draw a horizontal bar for each ``(name, length, text)``; ``marks``: lengths with a line."""
    longest = max([length for _, length, _ in rows] + list(marks), default=0) or 1.0
    room = _WIDTH - _NAMES - 110
    made = Picture(_ROW * len(rows))
    for number, (name, length, text) in enumerate(rows):
        top, long = number * _ROW, round(room * length / longest, 1)
        made.labels.append(Label(_NAMES - 8, top + 15, _short(name, 32), "end"))
        made.bars.append(Bar(_NAMES, top + 3, long, _ROW - 6, COLOURS["train"], f"{name}: {text}"))
        made.labels.append(Label(_NAMES + long + 6, top + 15, text))
    made.marks = [Mark(round(_NAMES + room * mark / longest, 1), f"{mark:g}") for mark in marks]
    return made


def columns(names: Sequence[str], series: Mapping[str, Sequence[float]], stacked: bool) -> Picture:
    """Draw vertical bars for each name, the series stacked or side by side; names as tooltips.

    ``series``: heights by series name, as many as there are names.
    """
    heights = list(series.values())
    totals = [sum(each) if stacked else max(each) for each in zip(*heights, strict=True)]
    highest = max(totals, default=0) or 1
    step = _WIDTH / max(len(names), 1)
    width = step * 0.86 / (1 if stacked else len(series))
    made = Picture(_TALL + 20)
    for number, name in enumerate(names):
        floor = float(_TALL)
        for place, (kind, values) in enumerate(series.items()):
            height = _TALL * values[number] / highest
            left = number * step + (0 if stacked else place * width)
            x, y, w, h = (round(each, 1) for each in (left, floor - height, width, height))
            title = f"{name}, {kind}: {_number(values[number])}"
            made.bars.append(Bar(x, y, w, h, COLOURS.get(kind, COLOURS["train"]), title))
            floor -= height if stacked else 0
    every = -(-len(names) // max(1, int(_WIDTH / 70)))
    made.labels = [
        Label(round(number * step, 1), _TALL + 15, _short(names[number], 11 * every))
        for number in range(0, len(names), every)
    ]
    if len(series) > 1:
        made.legend = [(kind, COLOURS[kind]) for kind in series]
    return made


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.1%}"
