"""What both trainings share: lines or a progress bar, early stopping, checkpoints, TensorBoard."""

import workflows.merlin_compat  # noqa: F401  isort: skip

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf

from recipes.errors import ShortlistError

Say = Callable[[str], None]
Measure = Callable[[], float]
Watch = Callable[[int, float], None]


class FiniteLoss(tf.keras.callbacks.Callback):
    """Stops a training whose loss is no number any more.

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
    """After each epoch: measure on the validation part, and say one line.

    ``best``: whether the highest (``max``) or the lowest (``min``) figure is the best. ``also``: further
    figures to write down. ``watch``: is told the epoch and the figure, and may stop it all by raising.

    The figure is added to the epoch's logs, where early stopping and TensorBoard find it.
    """

    def __init__(
        self,
        name: str,
        measure: Measure,
        say: Say,
        label: str,
        best: Literal["max", "min"] = "max",
        also: Mapping[str, Measure] | None = None,
        watch: Watch | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.measure = measure
        self.say = say
        self.label = label
        self.best = best
        self.also = also or {}
        self.watch = watch
        self.history: list[dict[str, float]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {} if logs is None else logs
        figures = {"loss": float(logs["loss"]), self.name: self.measure()}
        figures |= {name: measure() for name, measure in self.also.items()}
        logs.update(figures)
        self.history.append(figures)
        line = ", ".join(f"{name} {figure:.4f}" for name, figure in figures.items())
        self.say(f"{self.label} epoch {epoch + 1}: {line}")
        if self.watch is not None:
            self.watch(epoch, figures[self.name])


def fit(
    model: tf.keras.Model,
    batches: Any,
    *,
    epochs: int,
    logs: Path,
    validation: Validation | None = None,
    patience: int = 0,
    further: Sequence[tf.keras.callbacks.Callback] = (),
) -> int:
    """Train; returns how many epochs gave the weights that the model is left with.

    With ``validation`` and ``patience`` the best epoch's weights are kept (as a checkpoint below ``logs``
    and in the model) and training stops after ``patience`` epochs without a better one.
    ``further``: callbacks that come after the validation.
    """
    callbacks: list[tf.keras.callbacks.Callback] = [FiniteLoss()]
    checkpoint = str(logs / "checkpoint" / "best")
    early = validation is not None and patience > 0
    if validation is not None:
        callbacks.append(validation)
    if validation is not None and early:
        callbacks += [
            tf.keras.callbacks.ModelCheckpoint(
                checkpoint,
                monitor=validation.name,
                mode=validation.best,
                save_best_only=True,
                save_weights_only=True,
            ),
            tf.keras.callbacks.EarlyStopping(
                monitor=validation.name, mode=validation.best, patience=patience
            ),
        ]
    callbacks += further
    callbacks.append(tf.keras.callbacks.TensorBoard(str(logs), profile_batch=0))
    on_terminal = sys.stdout.isatty()
    model.fit(batches, epochs=epochs, verbose=1 if on_terminal else 0, callbacks=callbacks)
    if validation is None or not early:
        return epochs
    model.load_weights(checkpoint).expect_partial()
    figures = [epoch[validation.name] for epoch in validation.history]
    return figures.index(max(figures) if validation.best == "max" else min(figures)) + 1


@contextmanager
def file_errors(folder: Path) -> Iterator[None]:
    """Turn TensorFlow's errors about files below ``folder``, such as a full disk, into ``OSError``."""
    try:
        yield
    except tf.errors.OpError as error:
        if str(folder) not in error.message:
            raise
        raise OSError(error.message) from error
