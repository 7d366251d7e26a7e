"""Prevents publishing a release that is worse than the served one by accident."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ensemble.releases.figures import figures, loss, main_figure
from recipes.schema.recipe import Recipe
from stages.errors import ShortlistError


@dataclass(frozen=True)
class Gate:
    """How much worse than the served release the next one may be.

    ``margin``: relative; None: the recipe's ``serving.publish_margin``. ``metric``: the figure to compare;
    None: the recipe's main one. ``force``: pass any release, and report that.
    """

    margin: float | None = None
    metric: str | None = None
    force: bool = False

    def compare(
        self, recipe: Recipe, served: Mapping[str, Any], following: Mapping[str, Any]
    ) -> str:
        """Compare two manifests; returns a line about the comparison if the release may follow.

        Raises:
            ShortlistError: the release is worse by more than the margin, it has no figures and the
                served one has, or the metric is not among the figures of both.
        """
        old, new = figures(served), figures(following)
        if not old:
            return "the served release has no evaluation figures: nothing was compared"
        if not new:
            return self._refused(
                "expected evaluation figures, which the served release has, found none. "
                f"Run `shortlist evaluate {recipe.given_as}` and export again."
            )
        name = self.metric or main_figure(recipe)
        if name not in old or name not in new:
            raise ShortlistError(
                f"expected the figure '{name}' in both releases, which have in common: "
                f"{', '.join(sorted(set(old) & set(new))) or 'none'}. Choose one with --metric."
            )
        margin = recipe.serving.publish_margin if self.margin is None else self.margin
        lost = loss(name, old[name], new[name])
        line = f"{name} {new[name]:.4f}, against {old[name]:.4f} in the served release"
        if lost <= margin:
            return line
        return self._refused(
            f"expected a loss of at most {margin:.1%} (--margin), got {lost:.1%}: {line}."
        )

    def _refused(self, why: str) -> str:
        if not self.force:
            raise ShortlistError(f"not published: {why} --force publishes it anyway.")
        return f"passed by --force: {why}"
