"""Draw the funnel: the items, and the relevant items, left after each stage."""

from pathlib import Path

from evaluation.stages import Passage
from stages.atomic import atomic_file


def draw_funnel(kept: dict[str, float], passage: Passage, path: Path) -> None:
    """Write a PNG: relevant items left after each stage, and NDCG@k of the candidates in three orders.

    ``kept``: mean share of relevant items by stage (``evaluation.stages.kept``). Without a lift there is
    one panel.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lift = passage.lift
    figure = Figure(figsize=(9 if lift else 5.5, 3), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(
        1, 2 if lift else 1, squeeze=False, width_ratios=[3, 2][: 1 + bool(lift)]
    )
    axes = panels[0, 0]
    shares = {"catalogue": 1.0, **kept}
    names = [f"{stage}\n{_count(passage.items[stage])} items" for stage in shares]
    bars = axes.barh(names, list(shares.values()), color="#4c72b0")
    axes.bar_label(bars, [f"{share:.1%}" for share in shares.values()], padding=3)
    axes.set(title="relevant items left", xlim=(0, 1.15), xticks=[])
    axes.invert_yaxis()
    if lift:
        axes = panels[0, 1]
        orders = {
            "as\nretrieved": lift.as_retrieved,
            "as\nranked": lift.as_ranked,
            "in the best\norder": lift.in_best_order,
        }
        bars = axes.bar(list(orders), list(orders.values()), color=["#bbb", "#4c72b0", "#eee"])
        axes.bar_label(bars, [f"{value:.4f}" for value in orders.values()], padding=2)
        axes.set(
            title=f"NDCG@{lift.k} of the candidates", ylim=(0, 1.1 * max(orders.values()) or 1)
        )
    for axes in panels[0]:
        axes.spines[["top", "right"]].set_visible(False)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")


def _count(items: float) -> str:
    return f"{items:,.0f}" if items >= 10 else f"{items:.1f}"
