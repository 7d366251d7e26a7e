"""Seconds to the same recall@10 on the validation part: Merlin's two-tower model against the recipe's.

On ``movielens-100k``. Stock is ``TwoTowerModel`` on ids and features with in-batch negatives and logQ
correction (without it, its recall stays below 0.07), its loader, its ``fit`` and its default metrics. It
trains for ``STOCK_EPOCHS`` with the best of the settings tried (batches of 1024; learning rates of 0.002,
0.005 and 0.01; layers [64] and [128, 64]). Ours is the recipe's retriever with the recipe's settings, and its
time ends with the first epoch that matches stock's last. A second ratio compares the times to stock's best
recall, where stock's time ends with its best epoch, as if known in advance. Building, tracing and compiling
count; measuring does not, on either side.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from merlin.schema import Schema, Tags

from benchmarks.train import stock
from metrics import ranking
from models.prepared import PreparedData
from models.retrievers import head
from models.training.loop import compiled_step, run_epoch
from models.training.retriever_training import VALIDATION_K
from recipes.schema.recipe import Recipe
from runtime.candidates.item_index import exact_search

STOCK_LAYERS, STOCK_BATCH, STOCK_RATE, STOCK_EPOCHS = [128, 64], 1024, 0.005, 8


@dataclass(frozen=True)
class Reached:
    """Seconds and epochs of training until ``recall`` was reached."""

    seconds: float
    recall: float
    epochs: int


class Race:
    """Both trainings on one recipe's data, each repeatable."""

    def __init__(self, recipe: Recipe, data: PreparedData) -> None:
        self.recipe, self.data = recipe, data
        columns = [*data.query_schema, *data.candidate_schema]
        # Merlin's two-tower block takes no history: ids and features, as in its examples.
        self.schema = Schema([each for each in columns if Tags.SEQUENCE not in each.tags])
        self.frame = stock.training_frame(data, self.schema)
        train, valid = data.interactions("train"), data.interactions("valid")
        relevant, past = valid.by_user(data.user_count), train.by_user(data.user_count)
        self.users = np.array([row for row, wanted in enumerate(relevant) if len(wanted)])
        self.seen = [past[user] for user in self.users]
        self.wanted = [np.unique(relevant[user]) for user in self.users]

    def stock(self) -> list[Reached]:
        """The results after each of ``STOCK_EPOCHS``."""
        began = time.perf_counter()
        tf.keras.utils.set_random_seed(self.recipe.retriever.seed)
        made = stock.two_tower(
            self.data,
            self.frame,
            layers=STOCK_LAYERS,
            batch_size=STOCK_BATCH,
            rate=STOCK_RATE,
            counts=self.data.item_counts(self.data.interactions("train")) + 1e-3,
        )
        users = {name: column[self.users] for name, column in self.data.users.items()}
        block = made.model.retrieval_block

        def recall() -> float:
            queries = block.query_block()(stock.inputs(self.data, users))
            items = block.item_block()(stock.inputs(self.data, self.data.items))
            return self._recall(queries.numpy(), items.numpy())

        return _trained(began, made.train, recall, STOCK_EPOCHS, enough=1.0)

    def ours(self, enough: float) -> list[Reached]:
        """The results after each epoch, up to the first with a recall of at least ``enough``."""
        began = time.perf_counter()
        options, data = self.recipe.retriever, self.data
        tf.keras.utils.set_random_seed(options.seed)
        batches = head(options.kind).batches(data, options, ["train"])
        train, steps = data.interactions("train"), len(batches) * options.max_epochs
        retriever = head(options.kind).build(data, options, train, steps)
        step = compiled_step(retriever.model, batches)
        callbacks = tf.keras.callbacks.CallbackList([], model=retriever.model)
        queries = data.queries(train, self.users)

        def epoch() -> None:
            run_epoch(step, batches, callbacks)
            batches.on_epoch_end()

        def recall() -> float:
            vectors = retriever.embed_queries(queries)
            return self._recall(vectors, retriever.embed_items(data.items))

        return _trained(began, epoch, recall, options.max_epochs, enough)

    def _recall(self, queries: np.ndarray, items: np.ndarray) -> float:
        found, _ = exact_search(items, queries, VALIDATION_K, self.seen)
        return float(ranking.recall(found, self.wanted, VALIDATION_K).mean())


def first(epochs: list[Reached], enough: float) -> Reached:
    """The first epoch with a recall of at least ``enough``.

    Raises:
        ValueError: there is none.
    """
    for one in epochs:
        if one.recall >= enough:
            return one
    best = max(one.recall for one in epochs)
    raise ValueError(
        f"expected a recall of {enough:.4f} after {len(epochs)} epochs, got {best:.4f}"
    )


def _trained(
    began: float,
    epoch: Callable[[], Any],
    recall: Callable[[], float],
    most: int,
    enough: float,
) -> list[Reached]:
    """Train until an epoch is good enough; ``began``: when the clock of the first epoch started."""
    seconds, reached = 0.0, list[Reached]()
    while len(reached) < most and not (reached and reached[-1].recall >= enough):
        epoch()
        seconds += time.perf_counter() - began
        reached.append(Reached(seconds, recall(), len(reached) + 1))
        began = time.perf_counter()
    return reached
