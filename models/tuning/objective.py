"""What a search compares settings by: the validation figure of one stage, or the NDCG of the funnel."""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from recipes.schema.recipe import Recipe
from recipes.schema.tuning import GIVEN
from stages.log import quiet
from stages.stamps import fingerprint

if TYPE_CHECKING:
    import optuna

    from models.prepared import PreparedData
    from models.tuning.funnel import Funnel

#: No trial is pruned before so many trials have finished, nor in its first so many epochs.
UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 4, 2
#: A trial's attribute with the NDCG of its unranked blend; a study's attributes with figures by user.
UNRANKED, MEASURED = "unranked", "ndcg of "
#: Digits of a stored NDCG.
DIGITS = 5


class Objective(Protocol):
    """Measures one trial."""

    def measure(self, trial: "optuna.Trial", tried: Recipe) -> float:
        """The figure of the settings in ``tried``; ``optuna.TrialPruned`` if they are not worth it."""


class OneStage:
    """The best validation figure of the first training of one stage, ``retriever`` or ``ranker``."""

    def __init__(self, data: "PreparedData", stage: str) -> None:
        self.data, self.stage = data, stage

    def measure(self, trial: "optuna.Trial", tried: Recipe) -> float:
        """As ``Objective``."""
        from models.training.fitting import Logs
        from models.training.ranker_training import first_on_interactions
        from models.training.retriever_training import first_retriever

        tried, seen = _unlogged(tried), list[float]()

        def watch(epoch: int, figure: float) -> None:
            seen.append(figure)
            _report(trial, epoch, figure)

        with quiet(but_progress=True), tempfile.TemporaryDirectory(prefix="shortlist-") as folder:
            logs, figures = Logs(Path(folder)), dict[str, Any]()
            if self.stage == "retriever":
                train, valid = self.data.interactions("train"), self.data.interactions("valid")
                first_retriever(tried, self.data, train, valid, logs, figures, watch)
            else:
                first_on_interactions(tried, self.data, logs, figures, watch)
        return min(seen) if trial.study.direction.name == "MINIMIZE" else max(seen)


class WholeFunnel:
    """The mean NDCG of ``Funnel``; the figures by user of all recipes are stored in the study."""

    def __init__(self, funnel: "Funnel", study: "optuna.Study") -> None:
        self.funnel, self.study = funnel, study

    def measure(self, trial: "optuna.Trial", tried: Recipe) -> float:
        """As ``Objective``; prunes after the retriever's epochs and after the unranked blend."""

        def unranked(figure: float) -> None:
            others = [
                each.user_attrs[UNRANKED]
                for each in trial.study.get_trials(deepcopy=False)
                if each.state.is_finished() and UNRANKED in each.user_attrs
            ]
            trial.set_user_attr(UNRANKED, figure)
            if len(others) >= UNPRUNED_TRIALS and figure < statistics.median(others):
                _prune()

        def watch(epoch: int, recall: float) -> None:
            _report(trial, epoch, recall)

        return float(self.by_user(tried, watch, unranked).mean())

    def by_user(
        self,
        tried: Recipe,
        watch: Callable[[int, float], None] = lambda epoch, recall: None,
        unranked: Callable[[float], None] = lambda figure: None,
    ) -> np.ndarray:
        """NDCG of each user, float64 [users]: the stored ones, or measured now."""
        found = self.stored(tried)
        if found is None:
            found = self.funnel.ndcg(_unlogged(tried), watch, unranked).round(DIGITS)
            self.study.set_user_attr(_name(tried), found.tolist())
        return found

    def stored(self, tried: Recipe) -> np.ndarray | None:
        """NDCG of each user, if this recipe has been measured."""
        found = self.study.user_attrs.get(_name(tried))
        return None if found is None else np.array(found, np.float64)


def _unlogged(tried: Recipe) -> Recipe:
    """The recipe without measurements within an epoch, of which a search uses none."""
    stages = {name: getattr(tried, name) for name in ("retriever", "ranker")}
    return tried.model_copy(
        update={
            name: stage.model_copy(update={"log_every": 0})
            for name, stage in stages.items()
            if "log_every" in type(stage).model_fields
        }
    )


def _name(tried: Recipe) -> str:
    content = _unlogged(tried).model_dump(mode="json", exclude={*GIVEN, "name", "title"})
    return MEASURED + fingerprint(content, [])


def _report(trial: "optuna.Trial", epoch: int, figure: float) -> None:
    trial.report(figure, epoch)
    if trial.should_prune():
        _prune()


def _prune() -> None:
    import optuna

    raise optuna.TrialPruned
