"""A picture of a training's learning curves."""

from pathlib import Path
from typing import Any


def draw_curves(figures: dict[str, Any], path: Path) -> None:
    """Write a PNG with one panel per figure of each first training: its value after every epoch.

    ``figures``: the content of ``training.json``. The epoch whose weights were kept is marked.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [
        (model, name, [epoch[name] for epoch in trained["validation"]], trained["epochs"])
        for model, trained in figures.items()
        if isinstance(trained, dict) and trained.get("validation")
        for name in trained["validation"][0]
    ]
    if not panels:
        return
    figure = Figure(figsize=(3.2 * len(panels), 2.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (model, name, values, kept) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        epochs = range(1, len(values) + 1)
        axes.plot(epochs, values, marker="." if len(values) < 30 else None)
        axes.axvline(kept, linestyle=":", color="grey")
        axes.set(title=f"{model}: {name}", xlabel=f"epoch (kept: {kept})")
        # Integer ticks even for a single epoch; plain numbers even if they hardly differ.
        axes.set_xlim(0.5, len(values) + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.ticklabel_format(axis="y", useOffset=False)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
