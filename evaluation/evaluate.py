"""The ``evaluate`` stage: reads trained models, writes ``report.json`` and ``funnel.png``."""

from typing import TYPE_CHECKING

from evaluation.levels import LEVELS, Level
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.log import logger
from stages.prerequisites import need
from stages.progress import phase
from stages.stamps import fingerprint, is_fresh, stamped

if TYPE_CHECKING:
    from evaluation.funnel import Served

log = logger(__name__)


def evaluate(
    recipe: Recipe,
    artifacts: Artifacts,
    served: "Served",
    *,
    baselines: Level = "fast",
    force: bool = False,
) -> None:
    """Evaluate the whole funnel on the test part; write ``artifacts.report`` and its picture.

    ``served`` assembles the funnel in this process. An up-to-date report is kept unless ``force``; if it has
    fewer ``baselines`` than wanted it is not up to date, and if it has more it is.

    Raises:
        ShortlistError: nothing is trained, there is nothing to evaluate on, or no such level of baselines.
    """
    if baselines not in LEVELS:
        known = ", ".join(f"'{level}'" for level in LEVELS)
        raise ShortlistError(
            f"expected baselines among {known}, got '{baselines}'; use one of them."
        )
    need(artifacts.prepared.stamp, "prepare", recipe.given_as)
    need(artifacts.models.stamp, "train", recipe.given_as)
    made_from = {level: _made_from(recipe, artifacts, level) for level in LEVELS}
    enough = LEVELS[LEVELS.index(baselines) :]
    if not force and any(is_fresh(artifacts.report, made_from[level]) for level in enough):
        log.info(f"{artifacts.report} is up to date")
        return

    from evaluation.funnel import evaluate_funnel
    from evaluation.funnel_picture import draw_funnel
    from evaluation.report import write_report

    with phase("evaluation"):
        evaluation = evaluate_funnel(recipe, artifacts, served, baselines)
        draw_funnel(evaluation.stages, evaluation.passage, artifacts.funnel_picture)
    # Written last: the report marks the evaluation as up to date.
    write_report(artifacts.report, recipe.name, evaluation, made_from[baselines])
    log.info(f"evaluated the funnel on {evaluation.users:,} test users; wrote {artifacts.report}")


def _made_from(recipe: Recipe, artifacts: Artifacts, baselines: Level) -> str:
    """The fingerprint of a report with these baselines."""
    content = recipe.model_dump(
        mode="json",
        include={"evaluation", "serving"},
        exclude={"serving": {"publish_margin", "keep_releases"}},
    )
    return fingerprint(
        {**content, "baselines": baselines},
        ["evaluation", "metrics", "runtime", "ensemble/releases", "ensemble/graph"],
        [stamped(artifacts.prepared.stamp), stamped(artifacts.models.stamp)],
    )
