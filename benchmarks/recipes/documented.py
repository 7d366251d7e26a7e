"""The figures that pages quote (``figures.toml``), and how far a new measurement may be from them."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.uncertainty import Spread, over_seeds

FILE = Path(__file__).with_name("figures.toml")
#: A measured mean may differ by so many of the documented standard deviations, by this share of the figure,
#: or by this much, whichever is most: a deviation over three seeds is itself an estimate.
DEVIATIONS, SHARE, LEAST = 3.0, 0.01, 0.0005


@dataclass(frozen=True)
class Documented:
    """A figure as pages quote it.

    ``at``: its keys within ``report.json``; a number is a place in a list. ``mean`` and ``deviation`` (over
    n - 1) are over model seeds; a deviation of 0 means that only one seed was measured. ``pages``: those that
    quote the mean, relative to the project's root; the recipe's own comes first and has the deviation too.
    """

    recipe: str
    name: str
    at: tuple[str | int, ...]
    mean: float
    deviation: float
    pages: tuple[str, ...]

    @property
    def quoted(self) -> str:
        """The figure as the recipe's own page has it."""
        return f"{self.mean:.4f} ± {self.deviation:.4f}" if self.deviation else f"{self.mean:.4f}"

    @property
    def allowed(self) -> float:
        """The largest difference of a measured mean."""
        return max(DEVIATIONS * self.deviation, SHARE * abs(self.mean), LEAST)

    def of(self, report: Any) -> float:
        """The figure in the content of a ``report.json``."""
        for key in self.at:
            report = report[key]
        return float(report)

    def over_seeds(self, reports: Sequence[Any]) -> Spread:
        """Mean and spread of the figure over the reports of several seeds."""
        tables = [{self.recipe: {self.name: self.of(report)}} for report in reports]
        return over_seeds(tables)[self.recipe][self.name]

    def holds(self, measured: Spread) -> bool:
        """Whether a measurement is as documented; better than documented is as wrong as worse."""
        return abs(measured.mean - self.mean) <= self.allowed


@dataclass(frozen=True)
class RecipeFigures:
    """A recipe's figures, and the settings with which they are measured; mostly the recipe's own."""

    figures: tuple[Documented, ...]
    settings: dict[str, Any]


def documented(path: Path = FILE) -> dict[str, RecipeFigures]:
    """The content of ``figures.toml`` by recipe."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        recipe: RecipeFigures(
            tuple(_figure(recipe, table["page"], entry) for entry in table["figures"]),
            table.get("settings", {}),
        )
        for recipe, table in content.items()
    }


def _figure(recipe: str, page: str, entry: dict[str, Any]) -> Documented:
    return Documented(
        recipe,
        entry["name"],
        tuple(entry["at"]),
        entry["mean"],
        entry.get("deviation", 0.0),
        (page, *entry.get("also", ())),
    )
