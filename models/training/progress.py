"""The progress of a training, saved after each epoch so that a killed training can resume.

Saved are the weights, the optimizer's state, the random state of the batches and the callbacks' attributes.
Layers draw from generators that are reset for each epoch (``models.training.random_state``), so their state
is not saved. A resumed training ends with the weights of an uninterrupted one, bit for bit.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from models.distributed.collectives import from_chief
from models.training.loop import Step, first_batch
from stages.atomic import atomic_file

#: Attributes that Keras sets on every callback; they are not saved.
_GIVEN = {"params", "model", "validation_data"}


class Progress:
    """The state of one training in ``folder``; without one, nothing is saved.

    All workers start from what rank 0 finds in its folder. ``state``: the weights and the optimizer's state.
    ``remembering``: callbacks whose plain attributes (numbers, texts, lists and dicts of them) are saved too.
    """

    def __init__(
        self,
        folder: Path | None,
        state: tf.train.Checkpoint,
        batches: Any,
        remembering: Sequence[tf.keras.callbacks.Callback],
    ) -> None:
        self.folder = folder
        self.state, self.batches, self.remembering = state, batches, remembering
        self.found: dict[str, Any] = from_chief(self._read)

    @property
    def epochs(self) -> int:
        """Finished epochs, of this run and those before it."""
        return int(self.found.get("epochs", 0))

    @property
    def kept(self) -> int | None:
        """The value given to ``finish`` if the whole training is done, else None."""
        return self.found.get("kept")

    def restore(self, step: Step) -> None:
        """Set model, optimizer, batches and callbacks to the end of the last finished epoch."""
        if not self.epochs:
            return
        # A step creates every variable; the values that it sets are overwritten.
        step(first_batch(self.batches))
        for callback, remembered in zip(self.remembering, self.found["callbacks"], strict=True):
            vars(callback).update(remembered)
        if self.kept is not None:
            return
        if self.folder is not None:
            path = self.folder / self.found["state"]
            self.state.read(str(path)).assert_existing_objects_matched()
        if self.found["random"] is not None:
            self.batches.rng.bit_generator.state = self.found["random"]
            self.batches.on_epoch_end()

    def save(self, epochs: int) -> None:
        """Save the state after so many finished epochs, and draw the next epoch's order of rows."""
        rng = getattr(self.batches, "rng", None)
        state = f"epoch-{epochs}"
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.state.write(str(self.folder / state))
            self._write(
                {
                    "epochs": epochs,
                    "state": state,
                    "random": None if rng is None else rng.bit_generator.state,
                    "callbacks": [_plain(callback) for callback in self.remembering],
                }
            )
        if rng is not None:
            self.batches.on_epoch_end()

    def finish(self, kept: int) -> None:
        """Mark the training as done; its weights are stored elsewhere."""
        if self.folder is None or not self.found:
            return
        self._write(self.found | {"kept": kept, "state": None})

    def _read(self) -> dict[str, Any]:
        if self.folder is None or not (self.folder / "progress.json").exists():
            return {}
        return json.loads((self.folder / "progress.json").read_text(encoding="utf-8"))

    def _write(self, content: dict[str, Any]) -> None:
        assert self.folder is not None
        self.found = content
        with atomic_file(self.folder / "progress.json") as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")
        for old in self.folder.glob("epoch-*"):
            if old.name.split(".")[0] != content["state"]:
                old.unlink()


class Running:
    """The folder of a running training: its logs and progress, until it ends."""

    def __init__(self, folder: Path) -> None:
        self.logs, self.progress = folder / "logs", folder / "progress"

    def copy_logs(self, to: Path) -> None:
        """Copy the logs to another folder, as hard links if the file system supports them."""
        shutil.copytree(self.logs, to, copy_function=_linked)


def _linked(file: str, to: str) -> None:
    try:
        Path(to).hardlink_to(file)
    except OSError:
        shutil.copyfile(file, to)


def _plain(callback: tf.keras.callbacks.Callback) -> dict[str, Any]:
    found = {}
    for name, value in vars(callback).items():
        plain = value.item() if isinstance(value, np.generic) else value
        if name not in _GIVEN and _is_plain(plain):
            found[name] = plain
    return found


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(one) for one in value.values())
    if isinstance(value, list):
        return all(_is_plain(one) for one in value)
    return value is None or isinstance(value, bool | int | float | str)
