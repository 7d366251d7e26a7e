"""Is the funnel any good? Its lead over each simple method, and the answer in one sentence."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.generators import BLEND, RETRIEVAL
from evaluation.levels import Level
from evaluation.uncertainty import paired
from metrics import ranking
from recipes.load import with_settings
from recipes.schema.recipe import Recipe
from stages.errors import ShortlistError

FUNNEL = "funnel"
#: The funnel beats a method, or is beaten, by more than so many standard errors.
ERRORS = 2.0
#: At most so many things to try are named.
TIPS = 3
#: With fewer interactions than this a user, on average, more of them are worth naming.
FEW = 10
#: The candidate generator that finds what a simple method finds; the linear one for all others.
GENERATORS = {"popularity": "popularity", "iALS": "als", "BPR": "als", "own items": "repeat"}


@dataclass(frozen=True)
class Lead:
    """The funnel's figure minus a method's, a mean over users; ``standard_error``: None for one user."""

    difference: float
    standard_error: float | None

    @property
    def sign(self) -> int:
        """1: the funnel beats the method. -1: the method beats the funnel. 0: they are level."""
        if abs(self.difference) <= ERRORS * (self.standard_error or 0):
            return 0
        return int(np.sign(self.difference))


@dataclass(frozen=True)
class Baselines:
    """The comparison with simple methods.

    ``level``: which were wanted. ``metric``: the figure compared. ``leads``: of the funnel, by method.
    ``skipped``: why a method was left out, by method.
    """

    level: Level
    metric: str
    leads: dict[str, Lead]
    skipped: dict[str, str]

    @classmethod
    def compared(
        cls,
        level: Level,
        lists: Mapping[str, np.ndarray],
        funnel: np.ndarray,
        relevant: list[np.ndarray],
        k: int,
        skipped: dict[str, str],
    ) -> "Baselines":
        """Compare on the same users by NDCG@k; ``lists``: item rows int64 [users, n] by method."""
        served = ranking.ndcg(funnel, relevant, k)
        leads = {}
        for name, ranked in lists.items():
            simple = ranking.ndcg(ranked, relevant, k)
            error = paired(simple, served).standard_error if len(relevant) > 1 else None
            leads[name] = Lead(float((served - simple).mean()), error)
        return cls(level, f"ndcg@{k}", leads, skipped)

    @property
    def best(self) -> str:
        """The method with the best figure, which is the one with the smallest lead over it."""
        return min(self.leads, key=lambda name: self.leads[name].difference)


def verdict(
    baselines: Baselines, recipe: Recipe, systems: Mapping[str, Mapping[str, float]], pairs: float
) -> str:
    """Return a sentence on the funnel and the best simple method; unless the funnel wins, with what to try.

    Args:
        systems: metric@k by system.
        pairs: mean number of training interactions of a user.
    """
    name = baselines.best
    lead = baselines.leads[name]
    metric = baselines.metric.replace("ndcg", "NDCG")
    which = "the best simple method" if len(baselines.leads) > 1 else "the only method measured"
    if lead.standard_error is None:
        return f"One test user is too few to compare the funnel with {which}, {name}."
    by = f"{abs(lead.difference):.4f} {metric} (± {lead.standard_error:.4f})"
    if lead.sign > 0:
        return f"The funnel beats {which}, {name}, by {by}."
    tips = "; ".join(list(_to_try(name, baselines.metric, recipe, systems, pairs))[:TIPS])
    if lead.sign < 0:
        return f"The funnel does not beat {which}, {name}: it is lower by {by}. Try: {tips}."
    direction = "higher" if lead.difference > 0 else "lower"
    return (
        f"The funnel is level with {which}, {name}: it is {direction} by {by}, which is within two "
        f"standard errors. Try: {tips}."
    )


def _to_try(
    name: str,
    metric: str,
    recipe: Recipe,
    systems: Mapping[str, Mapping[str, float]],
    pairs: float,
) -> Iterator[str]:
    """What may help, the most promising first: settings that the recipe accepts, a search, more data."""
    if recipe.ranks and not recipe.ranks_candidates and not recipe.retrieves:
        yield (
            "a retriever and a ranker of its candidates if lists matter, because this recipe orders the "
            "whole catalogue by what it predicts of a single pair"
        )
    elif recipe.ranks and not recipe.ranks_candidates:
        for setting in _accepted(recipe, "ranker.target", "candidates"):
            yield f"{setting} if lists matter, because this ranker learns from single pairs"
    unranked = [systems[each][metric] for each in (BLEND, RETRIEVAL) if each in systems]
    if recipe.ranks and unranked and max(unranked) > systems[FUNNEL][metric]:
        yield from _accepted(recipe, "ranker.loss", "listwise")
        yield 'ranker.kind = "none", because the candidates are in a better order before ranking'
    generators = recipe.serving.generators
    wanted = dict.fromkeys((GENERATORS.get(name, "linear"), "linear"))
    missing = [each for each in wanted if each not in generators]
    if missing:
        yield from _accepted(recipe, "serving.generators", [*generators, *missing])
    half_life = getattr(recipe.retriever, "history_half_life", None)
    if recipe.columns.timestamp is not None and half_life is None:
        yield from _accepted(recipe, "retriever.history_half_life", 2.0)
    yield f"`shortlist tune {recipe.given_as}`"
    has = f" (a user has {pairs:.1f})" if pairs < FEW else ""
    yield f"more interactions{has}, or features of users and items"


def _accepted(recipe: Recipe, key: str, value: object) -> Iterator[str]:
    """The setting, if the recipe does not have it and accepts it."""
    table, name = key.split(".")
    if getattr(getattr(recipe, table), name, None) == value:
        return
    try:
        with_settings(recipe, {key: value})
    except ShortlistError:
        return
    shown = value if isinstance(value, float) else json.dumps(value)
    yield f"{key} = {shown}"
