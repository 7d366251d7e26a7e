"""Code that all trainings share: logging, early stopping, checkpoints, TensorBoard."""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from models.distributed.collectives import agree, copy_from_chief, from_chief
from models.distributed.workers import is_chief
from models.training.loop import compiled_step, run_epoch
from models.training.progress import Progress
from models.training.random_state import reseed
from shims.tensorflow_registry import gradients_released
from stages.errors import ShortlistError
from stages.log import logger
from stages.progress import phase

log = logger(__name__)

Measure = Callable[[], float]
Watch = Callable[[int, float], None]

# TensorFlow warns about validation every few steps, and logs every file in a notebook.
tf.get_logger().setLevel("ERROR")

#: The file with a training's last or best weights, arrays in Keras's order.
WEIGHTS = "weights.npz"
#: The checkpoint of its best epoch so far.
BEST = Path("checkpoint") / "best"


@dataclass(frozen=True)
class Logs:
    """Where a training writes its logs, checkpoint and weights; without ``folder`` it writes none.

    ``former``: the same folder of an earlier run, for a warm start with its weights. ``progress``: where a
    training saves its progress, to resume from there after a kill. ``training``: which one it is.
    """

    folder: Path | None = None
    former: Path | None = None
    progress: Path | None = None
    training: str = "training"

    def of(self, training: str) -> "Logs":
        """The folders of one training within a run."""
        former = None if self.former is None else self.former / training
        progress = None if self.progress is None else self.progress / training
        folder = None if self.folder is None else self.folder / training
        return Logs(folder, former, progress, training)


class FiniteLoss(tf.keras.callbacks.Callback):
    """Stops a training whose loss is no longer finite.

    Raises:
        ShortlistError: at the end of the epoch.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            raise ShortlistError(
                f"expected a finite loss, got {loss} in epoch {epoch + 1}. "
                "Lower `learning_rate` in the recipe; nothing was written."
            )


class Validation(tf.keras.callbacks.Callback):
    """Measures on the validation part after each epoch, and logs one line.

    ``best``: whether the highest (``max``) or the lowest (``min``) figure is the best. ``also``: further
    figures to record. ``watch``: called with the epoch and the figure; may stop the training by raising.
    ``every``: also measure after every so many steps (0: never), for ``steps`` and TensorBoard.

    The figure is added to the epoch's logs, where other callbacks and TensorBoard find it.
    """

    def __init__(
        self,
        name: str,
        measure: Measure,
        label: str,
        best: Literal["max", "min"] = "max",
        also: Mapping[str, Measure] | None = None,
        watch: Watch | None = None,
        every: int = 0,
    ) -> None:
        super().__init__()
        self.name = name
        self.measure = measure
        self.label = label
        self.best = best
        self.also = also or {}
        self.watch = watch
        self.every = every
        #: Per epoch: the loss and every figure. Per measured step: its number and every figure.
        self.history: list[dict[str, float]] = []
        self.steps: list[dict[str, float]] = []
        self.step = 0

    @property
    def best_epoch(self) -> int:
        """Number of the epoch with the best figure so far, the first if several tie; 0 before any."""
        figures = [epoch[self.name] for epoch in self.history]
        if not figures:
            return 0
        return figures.index(max(figures) if self.best == "max" else min(figures)) + 1

    @property
    def figures(self) -> dict[str, Any]:
        """The figures of the training for ``training.json``."""
        return {"validation": self.history} | ({"steps": self.steps} if self.every else {})

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.step += 1
        if self.every and self.step % self.every == 0:
            self.steps.append({"step": self.step, **self._measured()})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {} if logs is None else logs
        with phase(f"{self.label}: validation"):
            figures = {"loss": float(logs["loss"]), **self._measured()}
        logs.update(figures)
        self.history.append(figures)
        line = ", ".join(f"{name} {figure:.4f}" for name, figure in figures.items())
        log.info(f"{self.label} epoch {epoch + 1}: {line}")
        if self.watch is not None:
            self.watch(epoch, figures[self.name])

    def _measured(self) -> dict[str, float]:
        figures = {self.name: self.measure, **self.also}
        return from_chief(lambda: {name: float(one()) for name, one in figures.items()})

    def write_steps(self, folder: Path) -> None:
        """Write the figures of the measured steps for TensorBoard."""
        if not self.steps:
            return
        with tf.summary.create_file_writer(str(folder)).as_default():
            for figures in self.steps:
                for name in figures.keys() - {"step"}:
                    tf.summary.scalar(f"step_{name}", figures[name], int(figures["step"]))


@gradients_released()
def fit(
    model: tf.keras.Model,
    batches: Any,
    *,
    epochs: int,
    logs: Logs,
    validation: Validation | None = None,
    patience: int = 0,
    further: Sequence[tf.keras.callbacks.Callback] = (),
) -> int:
    """Train; return the number of epochs behind the model's final weights.

    With ``validation`` and ``patience`` the best epoch's weights are kept (as a checkpoint below ``logs``
    and in the model), and training stops after ``patience`` epochs without a better one.
    ``further``: callbacks that run after the validation. The weights are also written below ``logs``, for
    the warm start of a later run. With ``logs.progress`` a killed training resumes after its last finished
    epoch, and a finished one is not repeated. With several workers, rank 0 has the logs, and the others
    copy its weights at the start, on resuming and at the end.

    Raises:
        ShortlistError: the loss is not finite, or the former run's weights do not fit.
    """
    agree(len(batches) if isinstance(batches, tf.keras.utils.Sequence) else 0, "number of batches")
    seed = random.getrandbits(32)
    step = compiled_step(model, batches)
    if logs.former is not None:
        _begin_with(model, batches, logs.former / WEIGHTS)
    remembering = [*([] if validation is None else [validation]), *further]
    callbacks = tf.keras.callbacks.CallbackList(
        [FiniteLoss(), *remembering, *_board(logs.folder)],
        model=model,
        verbose=1,
        epochs=epochs,
        steps=len(batches) if isinstance(batches, tf.keras.utils.Sequence) else None,
    )
    model.stop_training = False
    callbacks.on_train_begin()
    state = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
    progress = Progress(logs.progress, state, batches, remembering)
    progress.restore(step)
    if progress.kept is not None:
        if logs.folder is not None:
            _set_weights(model, logs.folder / WEIGHTS)
        copy_from_chief(state)
        return progress.kept
    copy_from_chief(state)
    early = validation if patience > 0 else None
    epoch = progress.epochs
    while epoch < epochs and not (early and epoch - early.best_epoch >= patience):
        reseed(model, seed, epoch)
        model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        name = f"{logs.training}: epoch {epoch + 1} of {epochs}"
        callbacks.on_epoch_end(epoch, run_epoch(step, batches, callbacks, name))
        epoch += 1
        if early is not None and early.best_epoch == epoch and logs.folder is not None:
            model.save_weights(str(logs.folder / BEST))
        progress.save(epoch)
    callbacks.on_train_end()
    if logs.folder is not None:
        if validation is not None:
            validation.write_steps(logs.folder / "validation")
        if early is not None:
            model.load_weights(str(logs.folder / BEST)).expect_partial()
        np.savez(logs.folder / WEIGHTS, *[weight.numpy() for weight in model.weights])
    copy_from_chief(state)
    kept = epochs if early is None else early.best_epoch
    progress.finish(kept)
    return kept


def _board(folder: Path | None) -> list[tf.keras.callbacks.Callback]:
    if folder is None:
        return []
    return [tf.keras.callbacks.TensorBoard(str(folder), write_graph=False, profile_batch=0)]


def with_weights(model: tf.keras.Model, batches: Any, logs: Logs) -> None:
    """Give an untrained model the weights of the training that wrote ``logs``; only rank 0 has them."""
    _begin_with(model, batches, (logs.folder or Path()) / WEIGHTS)


def _begin_with(model: tf.keras.Model, batches: Any, path: Path) -> None:
    """Load a file's weights into ``model``; the optimizer and its learning rate start from scratch."""
    model(batches[0][0])  # builds the weights
    if is_chief():
        _set_weights(model, path)


def _set_weights(model: tf.keras.Model, path: Path) -> None:
    with np.load(path, allow_pickle=False) as file:
        weights = [file[name] for name in file.files]
    expected = [tuple(weight.shape) for weight in model.weights]
    found = [weight.shape for weight in weights]
    if expected != found:
        different = [pair for pair in zip(expected, found, strict=False) if pair[0] != pair[1]]
        shape, former = different[0] if different else (len(expected), len(found))
        raise ShortlistError(
            f"expected weights of {shape} for a warm start, got {former}: the current models were trained "
            "on other data or with other settings. Train without --warm-start."
        )
    model.set_weights(weights)


@contextmanager
def file_errors(folder: Path) -> Iterator[None]:
    """Turn TensorFlow's errors about files below ``folder``, such as a full disk, into ``OSError``."""
    try:
        yield
    except tf.errors.OpError as error:
        if str(folder) not in error.message:
            raise
        raise OSError(error.message) from error
