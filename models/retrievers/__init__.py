"""The training heads of a two-tower model: one file each.

A head's module has ``build(data, options, visible, steps) -> TwoTower``, compiled and untrained, and
``batches(data, options, parts) -> Batches`` of the prepared parts (``train``, ``valid``) to train on.
``visible``: the positives to train on; ``steps``: the training steps over which the learning rate falls to
zero.
"""

import importlib
from types import ModuleType

MODULES = {
    "softmax": "models.retrievers.softmax",
    "masked-softmax": "models.retrievers.masked_softmax",
    "sampled-softmax": "models.retrievers.sampled_softmax",
    "log-loss": "models.retrievers.log_loss",
}


def head(kind: str) -> ModuleType:
    """The module of a ``retriever.kind``."""
    return importlib.import_module(MODULES[kind])
