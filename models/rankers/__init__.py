"""The ranker models: one file each.

A model's module has ``build(data, options, numbers, steps) -> keras model``, compiled and untrained. The
model maps a dict of columns, [n] or [n, length], those of ``inputs_schema.ranker_schema``, to [n, 1]:
a probability, or for ``ranker.target = "label"`` a label. ``numbers``: the numeric inputs of the
training rows by name, float32 [n]; ``steps``: the training steps over which the learning rate falls.
"""

import importlib
from types import ModuleType

MODULES = {
    "dlrm": "models.rankers.dlrm",
    "wide-and-deep": "models.rankers.wide_and_deep",
}


def ranker_module(kind: str) -> ModuleType:
    """The module of a ``ranker.kind``."""
    return importlib.import_module(MODULES[kind])
