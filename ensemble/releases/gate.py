"""A release that is worse than the served one is not published by accident."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ensemble.releases.figures import figures, loss, main_figure
from recipes.schema.recipe import Recipe
from stages.errors import ShortlistError


@dataclass(frozen=True)
class Gate:
    """How much worse than the served release another may be.

    ``margin``: relative, the recipe's ``serving.publish_margin`` where None. ``metric``: which figure,
    the recipe's main one where None. ``force``: it passes however bad, and that is said.
    """

    margin: float | None = None
    metric: str | None = None
    force: bool = False

    def compare(
        self, recipe: Recipe, served: Mapping[str, Any], following: Mapping[str, Any]
    ) -> str:
        """What was compared, in a line, where the release may follow; both as manifests.

        Raises:
            ShortlistError: it is worse by more than the margin, lacks figures that the served one
                has, or the metric is not among the figures of both.
        """
        old, new = figures(served), figures(following)
        if not old:
            return "the served release has no evaluation figures: nothing was compared"
        if not new:
            return self._refused(
                "it has no evaluation figures, and the served release has. "
                f"`shortlist evaluate {recipe.given_as}` and a new export bring them."
            )
        name = self.metric or main_figure(recipe)
        if name not in old or name not in new:
            raise ShortlistError(
                f"expected the figure '{name}' in both releases. Choose another with --metric: "
                f"{', '.join(sorted(set(old) & set(new))) or 'they have none in common'}."
            )
        margin = recipe.serving.publish_margin if self.margin is None else self.margin
        lost = loss(name, old[name], new[name])
        line = f"{name} {new[name]:.4f}, and {old[name]:.4f} in the served release"
        if lost <= margin:
            return line
        return self._refused(f"{line}: worse by {lost:.1%}, and --margin allows {margin:.1%}.")

    def _refused(self, why: str) -> str:
        if not self.force:
            raise ShortlistError(f"not published: {why} --force publishes it all the same.")
        return f"by --force, though {why}"
