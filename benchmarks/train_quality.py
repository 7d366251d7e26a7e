"""Seconds to the same recall@10 on the validation part: Merlin's two-tower model and the recipe's own.

On ``movielens-100k``. Stock is ``TwoTowerModel`` on ids and features with in-batch negatives, its loader, its
``fit`` and its default metrics; batch size, rate and layers are the best of those that were tried (1024
and 4096; 0.001, 0.003 and 0.005; [64] and [128, 64]), and its time ends with its best epoch, as if somebody
had known beforehand. Ours is the recipe's retriever with the recipe's settings, and its time ends with the
first epoch that is as good. Building, tracing and compiling count; measuring does not, on either side.
"""

import workflows.merlin_compat  # noqa: F401  isort: skip

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from merlin.schema import Schema, Tags

from benchmarks import stock_training as stock
from models import candidates
from models.loop import compiled_step, run_epoch
from models.prepared import PreparedData
from models.retriever_training import VALIDATION_K
from models.retrievers import head
from recipes.recipe import Recipe

STOCK_LAYERS, STOCK_BATCH, STOCK_RATE, STOCK_EPOCHS = [128, 64], 1024, 0.005, 8


@dataclass(frozen=True)
class Reached:
    """Seconds of training until ``recall`` was reached, in so many epochs."""

    seconds: float
    recall: float
    epochs: int


class Race:
    """Both trainings on one recipe's data, to be run as often as wanted."""

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
        self.wanted = [relevant[user] for user in self.users]

    def stock(self) -> Reached:
        """Until its best epoch."""
        began = time.perf_counter()
        tf.keras.utils.set_random_seed(self.recipe.retriever.seed)
        made = stock.two_tower(
            self.data,
            self.frame,
            layers=STOCK_LAYERS,
            batch_size=STOCK_BATCH,
            rate=STOCK_RATE,
        )
        users = {name: column[self.users] for name, column in self.data.users.items()}
        block = made.model.retrieval_block

        def recall() -> float:
            queries = block.query_block()(stock.inputs(self.data, users))
            items = block.item_block()(stock.inputs(self.data, self.data.items))
            return self._recall(queries.numpy(), items.numpy())

        epochs = _trained(began, made.train, recall, STOCK_EPOCHS, enough=1.0)
        return max(epochs, key=lambda each: each.recall)

    def ours(self, enough: float) -> Reached:
        """Until the first epoch with a recall of ``enough``."""
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

        return _trained(began, epoch, recall, options.max_epochs, enough)[-1]

    def _recall(self, queries: np.ndarray, items: np.ndarray) -> float:
        found, _ = candidates.retrieve(queries, items, self.seen, VALIDATION_K)
        return candidates.recall(found, self.wanted)


def _trained(
    began: float,
    epoch: Callable[[], Any],
    recall: Callable[[], float],
    most: int,
    enough: float,
) -> list[Reached]:
    """Epochs until one is good enough; ``began``: when the first one's clock started."""
    seconds, reached = 0.0, list[Reached]()
    while len(reached) < most and not (reached and reached[-1].recall >= enough):
        epoch()
        seconds += time.perf_counter() - began
        reached.append(Reached(seconds, recall(), len(reached) + 1))
        began = time.perf_counter()
    return reached
