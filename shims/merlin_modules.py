"""Merlin's 2023 libraries on TensorFlow 2.21 and pandas 2: moved modules, and patches at import.

``install`` registers a finder that loads moved modules under their old names and patches two modules right
after they are imported. Each entry names the upstream line that needs it.
"""

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import ModuleType
from typing import Any

_ENVIRONMENT = {
    # TensorFlow decides at import which Keras `tf.keras` is; Merlin Models subclasses Keras 2.
    "TF_USE_LEGACY_KERAS": "1",
    # Keep TensorFlow's and oneDNN's start-up banners off the terminal.
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # oneDNN's kernels vary in the last digits from run to run; a seed must reproduce a training.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # Training allocates and frees megabytes at every step. TensorFlow's own pool keeps them; malloc returns
    # them to the kernel each time, which took a third of the training time.
    "TF_CPU_ALLOCATOR_USE_BFC": "true",
    # merlin-core is written for Dask's legacy DataFrame, and lists of codes must stay lists: Dask would turn
    # object columns into strings. Dask reads both settings at its first import.
    "DASK_DATAFRAME__QUERY_PLANNING": "False",
    "DASK_DATAFRAME__CONVERT_STRING": "False",
}

#: Old name of a module -> its new name.
MOVED_MODULES = {
    # merlin/models/tf/models/base.py:39
    "keras.engine": "tf_keras.src.engine",
    "keras.engine.compile_utils": "tf_keras.src.engine.compile_utils",
    # merlin/models/tf/models/base.py:51
    "keras.saving.saving_lib": "tf_keras.src.saving.saving_lib",
    # merlin/models/tf/transforms/tensor.py:19, transforms/features.py:21
    "keras.layers.preprocessing": "tf_keras.src.layers.preprocessing",
    "keras.layers.preprocessing.preprocessing_utils": (
        "tf_keras.src.layers.preprocessing.preprocessing_utils"
    ),
    # merlin/models/tf/blocks/retrieval/base.py:20, utils/tf_utils.py:21
    "keras.utils.tf_inspect": "tf_keras.src.utils.tf_inspect",
    # merlin/models/tf/outputs/base.py:22, prediction_tasks/base.py:5
    "keras.utils.generic_utils": "tf_keras.src.utils.generic_utils",
    # merlin/models/tf/transforms/features.py:22
    "keras.utils.layer_utils": "tf_keras.src.utils.layer_utils",
    # merlin/models/tf/transforms/noise.py:19
    "keras.utils.control_flow_util": "tf_keras.src.utils.control_flow_util",
    # merlin/models/tf/metrics/topk.py:21, models/base.py:40
    "keras.utils.losses_utils": "tf_keras.src.utils.losses_utils",
    "keras.utils.metrics_utils": "tf_keras.src.utils.metrics_utils",
    # merlin/models/tf/__init__.py:30
    "tensorflow.python.training.tracking": "tensorflow.python.trackable",
    "tensorflow.python.training.tracking.data_structures": (
        "tensorflow.python.trackable.data_structures"
    ),
}


def install() -> None:
    """Activate the shims in this process and, through the environment, in those it starts."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    keras_3 = "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1"
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if "dask" in sys.modules:  # it has read the environment already
        import dask

        dask.config.set({"dataframe.query-planning": False, "dataframe.convert-string": False})
    for message in (
        "The legacy Dask DataFrame",
        "PyTorch dtype mappings",
        "pkg_resources is deprecated",
    ):
        warnings.filterwarnings("ignore", message=message)
    for name in _PATCHES.keys() & sys.modules.keys():  # already imported: too late for the finder
        _PATCHES.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, _Finder(keras_3))


def _restore_to_dlpack(module: ModuleType) -> None:
    """merlin/models/tf/inputs/embedding.py:24 and two other files import it from tensorflow.python."""

    def to_dlpack(tensor: Any) -> Any:
        from tensorflow.python.dlpack import dlpack  # tensorflow itself is only half loaded above

        return dlpack.to_dlpack(tensor)

    module.to_dlpack = to_dlpack  # type: ignore[attr-defined]


def _serialize_metrics_as_metrics(module: ModuleType) -> None:
    """merlin/models/tf/metrics/topk.py:499 serialises metrics as layers, which Keras now refuses."""
    import tensorflow as tf

    aggregator = module.TopKMetricsAggregator

    def get_config(self: Any) -> dict[str, Any]:
        metrics = [tf.keras.metrics.serialize(metric) for metric in self.topk_metrics]
        return {"topk_metrics": metrics}

    def from_config(cls: Any, config: dict[str, Any]) -> Any:
        return cls(*[tf.keras.metrics.deserialize(one) for one in config["topk_metrics"]])

    aggregator.get_config = get_config
    aggregator.from_config = classmethod(from_config)


_PATCHES: dict[str, Callable[[ModuleType], None]] = {
    "tensorflow.python": _restore_to_dlpack,
    "merlin.models.tf.metrics.topk": _serialize_metrics_as_metrics,
}


class _MovedModule(Loader):
    """Returns the module of the new name, unchanged."""

    def __init__(self, new_name: str) -> None:
        self.new_name = new_name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.new_name)
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.own_spec


class _PatchedModule(Loader):
    """Loads a module as usual, then patches it."""

    def __init__(self, loader: Any, patch: Callable[[ModuleType], None]) -> None:
        self.loader = loader
        self.patch = patch

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        self.patch(module)


class _Finder(MetaPathFinder):
    """``keras_3``: TensorFlow was imported, and chose Keras 3, before the shims were installed."""

    def __init__(self, keras_3: bool) -> None:
        self._keras_3 = keras_3

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in MOVED_MODULES:
            return spec_from_loader(name, _MovedModule(MOVED_MODULES[name]), is_package=True)
        if name in _PATCHES:
            return self._patched(name)
        if name == "merlin.models.tf" and self._keras_3:
            raise ImportError(
                "expected tf.keras to be Keras 2, got Keras 3: tensorflow was imported before shortlist. "
                "Import shortlist first, or set the environment variable TF_USE_LEGACY_KERAS=1."
            )
        return None

    def _patched(self, name: str) -> ModuleSpec | None:
        patch = _PATCHES.pop(name)  # popped first: find_spec must not recurse
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _PatchedModule(spec.loader, patch)
        return spec
