"""The figure of a whole recipe on a split inside the training part.

Retriever and item models learn from ``train``, the ranker from the candidates of one half of the users of
``valid``. The figure is the NDCG of the candidates of the other half, as the funnel orders them. The halves
are the same for all settings, so two figures can be compared user by user.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metrics import ranking
from models.interactions import Interactions, Labelled
from models.prepared import PreparedData
from models.retrievers.two_tower import TwoTower
from models.training.candidate_rows import CandidateRows, candidate_rows
from models.training.fitting import Logs, Watch
from models.training.order import candidates_to_learn_from, retrieval_of
from models.training.ranker_training import (
    GENERATOR_Z_SCORES,
    first_on_interactions,
    on_candidates,
    scores,
)
from models.training.retriever_training import first_retriever
from models.tuning.reuse import ItemModels, Reuse
from models.tuning.space import ITEM_MODELS
from recipes.schema.recipe import Recipe
from recipes.schema.tuning import GIVEN
from runtime.candidates.z_scores import Z_SCORE, z_scores
from runtime.lists import padded
from stages.errors import ShortlistError
from stages.log import logger, quiet

log = logger(__name__)

#: The most users of ``valid`` whose candidates are computed, half of them to measure on.
MOST_USERS = 10_000
#: Keys of a ranker that change neither its candidates nor their features.
OF_RANKER_TRAINING = (
    *("kind", "ids", "embedding_dim", "bottom_layers", "top_layers", "dropout", "loss", "blend"),
    *("batch_size", "learning_rate", "weight_decay", "max_epochs", "patience", "log_every"),
    *("crossed_features", "crossed_bins", "wide_learning_rate", "wide_l2", "dot_product"),
    *("members", "optimizer", "features"),
)
#: The keys of [serving] that candidates depend on.
_OF_CANDIDATES = ("candidates", "generators", "exclude", "index")
#: Tables of which retrieval reads nothing, or of which only some keys matter.
_NOT_RETRIEVAL = (*GIVEN, "name", "title", "serving", "ranker")


@dataclass(frozen=True)
class Split:
    """``learnt``: positives of ``valid`` of the users that the ranker learns from, ``measured``: of others.

    ``visible``: ``train`` and ``learnt``, in chronological order. ``stopping``: all interactions of the
    users of ``learnt`` in ``valid``.
    """

    train: Interactions
    learnt: Interactions
    measured: Interactions
    visible: Interactions
    stopping: Labelled

    @classmethod
    def of(cls, data: PreparedData, seed: int) -> "Split":
        """Divide the users with positives in ``valid`` at random.

        Raises:
            ShortlistError: there are fewer than four.
        """
        valid, every = data.interactions("valid"), data.labelled("valid")
        users = np.random.default_rng(seed).permutation(np.unique(valid.users))[:MOST_USERS]
        if len(users) < 4:
            raise ShortlistError(
                "expected at least 4 users with positives in the validation part to search on, got "
                f"{len(users)}. Raise split.valid in the recipe and prepare the data again."
            )
        learning, measuring = np.split(users, [len(users) // 2])
        stopping = every.at(np.isin(every.users, learning))
        return cls(
            data.interactions("train"),
            valid.at(np.isin(valid.users, learning)),
            valid.at(np.isin(valid.users, measuring)),
            (data.labelled("train") + stopping).in_order,
            stopping,
        )


@dataclass(frozen=True)
class _First:
    """A retriever trained on ``train``: its best number of epochs, and its recall after each epoch."""

    retriever: TwoTower
    epochs: int
    recalls: list[float]


@dataclass(frozen=True)
class _Candidates:
    """``parts``: what the ranker learns from, as ``candidates_to_learn_from`` gives it."""

    parts: list[tuple[CandidateRows, CandidateRows]]
    measured: CandidateRows


class Funnel:
    """Measures recipes that differ in their settings of training and serving alone."""

    def __init__(self, recipe: Recipe, data: PreparedData, reuse: Reuse | None = None) -> None:
        self.data, self.k = data, recipe.evaluation.k[0]
        self.split = Split.of(data, recipe.split.seed)
        self.reuse = reuse or Reuse()
        self.item_models = ItemModels(self.reuse)

    @property
    def users(self) -> np.ndarray:
        """The user rows that are measured, ascending."""
        return np.unique(self.split.measured.users)

    def ndcg(self, recipe: Recipe, watch: Watch, unranked: Callable[[float], None]) -> np.ndarray:
        """NDCG at ``k`` of the users of ``split.measured``, ascending by row; float64 [users].

        Args:
            watch: called with each epoch of the retriever and its recall; may stop everything by raising.
            unranked: the same with the NDCG of the unranked blend, before a ranker is trained.

        Raises:
            ShortlistError: a training fails for a reason such as a loss that is not finite.
        """
        with tempfile.TemporaryDirectory(prefix="shortlist-") as folder:
            logs = Logs(Path(folder))
            first = self._first(recipe, logs, watch)
            candidates = self._candidates(recipe, first, logs)
            rows = candidates.measured
            if not recipe.ranks:
                return self._by_user(rows, None)
            blend = blended(rows)
            unranked(float(self._by_user(rows, blend).mean()))
            log.info("training the ranker")
            with quiet(but_progress=True):
                if recipe.ranks_candidates:
                    trained = on_candidates(recipe, self.data, candidates.parts, logs, {})
                else:
                    trained, _ = first_on_interactions(
                        recipe, self.data, logs, {}, valid=self.split.stopping
                    )
            inputs = {name: rows.columns[name] for name in trained.sample}
            return self._by_user(rows, scores(trained.model, inputs))

    def _first(self, recipe: Recipe, logs: Logs, watch: Watch) -> _First:
        key = "retriever", _retriever_settings(recipe)
        first: _First | None = self.reuse.find(key)
        if first is not None:
            for epoch, recall in enumerate(first.recalls):
                watch(epoch, recall)
            return first
        recalls: list[float] = []

        def noted(epoch: int, recall: float) -> None:
            recalls.append(recall)
            watch(epoch, recall)

        train, learnt = self.split.train, self.split.learnt
        log.info("training the retriever")
        with quiet(but_progress=True):
            retriever, epochs = first_retriever(recipe, self.data, train, learnt, logs, {}, noted)
        first = _First(retriever, epochs, recalls)
        # Beside the weights, the optimizer's two moments of each.
        size = 3 * sum(weight.numpy().nbytes for weight in retriever.model.weights)
        self.reuse.keep(key, first, size)
        return first

    def _candidates(self, recipe: Recipe, first: _First, logs: Logs) -> _Candidates:
        key = "candidates", _candidate_settings(recipe)
        made: _Candidates | None = self.reuse.find(key)
        if made is not None:
            return made
        split, data, retriever = self.split, self.data, first.retriever
        parts = []
        log.info("computing candidates")
        with quiet(but_progress=True):
            if recipe.ranks_candidates:
                parts = candidates_to_learn_from(
                    recipe,
                    data,
                    retriever,
                    split.train,
                    split.learnt,
                    split.visible,
                    first.epochs,
                    logs,
                    item_models=self.item_models,
                )
            retrieval = retrieval_of(
                recipe, data, retriever, split.train, item_models=self.item_models
            )
            measured = candidate_rows(recipe, data, retrieval, split.measured)
        made = _Candidates(parts, measured)
        every = [measured, *(rows for part in parts for rows in part)]
        self.reuse.keep(key, made, sum(map(_size, every)))
        return made

    def _by_user(self, rows: CandidateRows, ordering: np.ndarray | None) -> np.ndarray:
        return ndcg_by_user(rows, ordering, self.split.measured, self.k)


def ndcg_by_user(
    rows: CandidateRows, ordering: np.ndarray | None, relevant: Interactions, k: int
) -> np.ndarray:
    """NDCG at k of each user with a relevant item, ascending by row; float64 [users].

    ``ordering``: scores to order a user's candidates by, [n]; None keeps the order of retrieval.
    """
    pairs = np.unique(np.stack([relevant.users, relevant.items]), axis=1)
    users, counts = np.unique(pairs[0], return_counts=True)
    by = np.zeros(len(rows)) if ordering is None else -ordering.astype(np.float64)
    order = np.lexsort((by, rows.users))
    edges = [np.searchsorted(rows.users, users, side) for side in ("left", "right")]
    sizes = np.asarray(edges[1] - edges[0])
    ranked = padded(order, sizes, max(1, int(sizes.max())), fill=-1)
    found = rows.relevant > 0
    # A candidate is known by its place among the rows; a relevant item that is none by a number after them.
    wanted = []
    for listed, count in zip(ranked, counts, strict=True):
        own = listed[listed >= 0]
        own = own[found[own]]
        wanted.append(np.concatenate([own, len(rows) + np.arange(count - len(own))]))
    return ranking.ndcg(ranked, wanted, k)


def blended(rows: CandidateRows) -> np.ndarray | None:
    """The unranked blend, [n]: the sum of the z-scores of those generators' scores that the rows have."""
    total = np.zeros(len(rows), np.float64)
    names = [
        name for name in GENERATOR_Z_SCORES if {name, name.removesuffix(Z_SCORE)} & {*rows.columns}
    ]
    for name in names:
        if name in rows.columns:
            total += rows.columns[name]
            continue
        values = rows.columns[name.removesuffix(Z_SCORE)]
        starts = np.flatnonzero(np.diff(rows.lists, prepend=-1))
        lists = np.split(values, starts[1:])
        total += np.concatenate([z_scores(each, np.ones(len(each), bool)) for each in lists])
    return total if names else None


def _retriever_settings(recipe: Recipe) -> str:
    content = recipe.model_dump(mode="json", exclude={*_NOT_RETRIEVAL, *ITEM_MODELS})
    return _as_key({**content, "exclude": recipe.serving.exclude})


def _candidate_settings(recipe: Recipe) -> str:
    """Everything that candidates and their features depend on."""
    content = recipe.model_dump(mode="json", exclude={*_NOT_RETRIEVAL})
    serving = recipe.serving.model_dump(mode="json", include={*_OF_CANDIDATES})
    of_ranker = {}
    if recipe.ranks_candidates:
        of_ranker = recipe.ranker.model_dump(mode="json", exclude={*OF_RANKER_TRAINING})
    features = recipe.ranker_features
    return _as_key({**content, "serving": serving, "ranker": of_ranker, "features": features})


def _as_key(content: Any) -> str:
    return json.dumps(content, sort_keys=True)


def _size(rows: CandidateRows) -> int:
    arrays = [*rows.columns.values(), rows.relevant, rows.users, rows.lists]
    return sum(array.nbytes for array in arrays)
