"""Training rows per second of stock Merlin Models and ours, with the same model and the same rows.

Two-tower and DLRM on the recipe ``aliccp``. The same on both sides: encoded rows, batch size, columns, widths
of embeddings and layers, loss (softmax over the in-batch negatives; log loss), and Adam with one learning
rate. Our towers therefore train with ``unknown_rate`` 0 and without the logQ correction. Stock is its
``TwoTowerModel`` and ``DLRMModel``, its loader and its ``fit``, with its default metrics; the two-tower also
runs without metrics. Ours is what ``models.training.fitting`` runs in an epoch.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import merlin.models.tf as mm
import numpy as np
import tensorflow as tf
from merlin.schema import Schema

from benchmarks.train import stock
from models.prepared import PreparedData
from models.rankers import dlrm
from models.retrievers import softmax
from models.training.batches import Batches
from models.training.loop import compiled_step, run_epoch
from recipes.schema.recipe import Recipe

#: Epochs before the clock starts: tracing, compiling and other one-off work.
WARM_UP = 2


@dataclass
class Runner:
    """One side of a comparison: ``epoch`` trains one epoch of ``rows`` rows."""

    name: str
    rows: int
    epoch: Callable[[], Any]
    seconds: list[float] = field(default_factory=list)

    def measure(self) -> None:
        began = time.perf_counter()
        self.epoch()
        self.seconds.append(time.perf_counter() - began)

    @property
    def rows_per_second(self) -> float:
        """Median over the rounds."""
        return self.rows / statistics.median(self.seconds)


def runners(recipe: Recipe, data: PreparedData) -> list[Runner]:
    """All sides, warmed up."""
    made = [*_two_towers(recipe, data), *_dlrms(recipe, data)]
    for runner in made:
        for _ in range(WARM_UP):
            runner.epoch()
    return made


def _two_towers(recipe: Recipe, data: PreparedData) -> list[Runner]:
    options = recipe.retriever.model_copy(
        update={"unknown_rate": 0.0, "logq_correction": False, "weight_decay": 0.0}
    )
    frame = stock.training_frame(data, Schema([*data.query_schema, *data.candidate_schema]))
    sides = []
    for name, metrics in (("two-tower, stock", True), ("two-tower, stock, no metrics", False)):
        tf.keras.utils.set_random_seed(options.seed)
        theirs = stock.two_tower(
            data,
            frame,
            layers=[*options.layers, options.embedding_dim],
            batch_size=options.batch_size,
            rate=options.learning_rate,
            embeddings=mm.EmbeddingOptions(infer_embedding_sizes=True),
            metrics=metrics,
        )
        sides.append(Runner(name, _whole(len(frame), options.batch_size), theirs.train))
    tf.keras.utils.set_random_seed(options.seed)
    ours = softmax.build(data, options, data.interactions("train"), _STEPS)
    batches = softmax.batches(data, options, ["train"])
    return [*sides, _ours("two-tower, ours", ours.model, batches)]


def _dlrms(recipe: Recipe, data: PreparedData) -> list[Runner]:
    options = recipe.ranker
    rows = data.labelled("train")
    columns = data.pair_columns(rows.users, rows.items)
    target = rows.positive.astype(np.float32)
    tf.keras.utils.set_random_seed(options.seed)
    theirs = stock.dlrm(
        data,
        columns,
        target,
        embedding_dim=options.embedding_dim,
        layers=list(options.top_layers),
        batch_size=options.batch_size,
        rate=options.learning_rate,
    )
    tf.keras.utils.set_random_seed(options.seed)
    model = dlrm.build(data, options, {}, _STEPS)
    batches = Batches(columns, options.batch_size, options.seed, target, whole_batches=True)
    return [
        Runner("DLRM, stock", _whole(len(rows), options.batch_size), theirs.train),
        _ours("DLRM, ours", model, batches),
    ]


#: Steps of a training of a few million rows: long enough for our one-off compilation to pay off.
_STEPS = 5_000


def _ours(name: str, model: tf.keras.Model, batches: Batches) -> Runner:
    step = compiled_step(model, batches)
    callbacks = tf.keras.callbacks.CallbackList([], model=model)

    def epoch() -> None:
        model.reset_metrics()
        run_epoch(step, batches, callbacks)
        batches.on_epoch_end()

    return Runner(name, _whole(batches.rows, batches.batch_size), epoch)


def _whole(rows: int, batch_size: int) -> int:
    return rows // batch_size * batch_size
