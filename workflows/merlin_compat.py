"""Make Merlin's 2023 libraries import and run on TensorFlow 2.21 and pandas 2.

Import this module before anything of ``nvtabular`` or ``merlin``, in every process (Dask workers
preload it, see ``workflows.cluster``). Importing it is cheap: it loads neither TensorFlow nor Merlin.
It registers a finder that gives moved modules under their old names and mends two modules right
after they are imported.

Each shim names the upstream line that needs it. When that line is gone, delete the shim.
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

if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    raise ImportError(
        "workflows.merlin_compat must be imported before tensorflow, which has already chosen Keras 3; "
        "Merlin needs Keras 2. Move `import workflows.merlin_compat` to the top, or set the environment "
        "variable TF_USE_LEGACY_KERAS=1."
    )
# tensorflow decides at import which Keras `tf.keras` is; Merlin Models subclasses Keras 2.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# Keep TensorFlow's and oneDNN's start-up banners off the terminal.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# oneDNN's kernels give run-dependent last digits; seeds are meant to fix a training.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# Training allocates and frees megabytes at every step. TensorFlow's own pool keeps them; malloc hands them
# back to the kernel each time, which took a third of the training time here.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

#: Old name -> where the module lives now.
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


def _restore_to_dlpack(module: ModuleType) -> None:
    """merlin/models/tf/inputs/embedding.py:24 and two more import it from tensorflow.python."""

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


_MENDED_MODULES: dict[str, Callable[[ModuleType], None]] = {
    "tensorflow.python": _restore_to_dlpack,
    "merlin.models.tf.metrics.topk": _serialize_metrics_as_metrics,
}


class _MovedModule(Loader):
    """Hands out the module that lives elsewhere, untouched."""

    def __init__(self, new_name: str) -> None:
        self.new_name = new_name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.new_name)
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.own_spec


class _MendedModule(Loader):
    """Loads a module as usual, then mends it."""

    def __init__(self, loader: Any, mend: Callable[[ModuleType], None]) -> None:
        self.loader = loader
        self.mend = mend

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        self.mend(module)


class _CompatFinder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in MOVED_MODULES:
            return spec_from_loader(name, _MovedModule(MOVED_MODULES[name]), is_package=True)
        if name in _MENDED_MODULES:
            return self._mended(name)
        return None

    def _mended(self, name: str) -> ModuleSpec | None:
        mend = _MENDED_MODULES.pop(name)  # popped first: find_spec must not come back here
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _MendedModule(spec.loader, mend)
        return spec


def _install() -> None:
    import dask

    # merlin-core is written for dask's legacy DataFrame; this must be said before dask.dataframe loads.
    # Lists of codes must stay lists: dask would turn object columns into strings.
    dask.config.set({"dataframe.query-planning": False, "dataframe.convert-string": False})
    warnings.filterwarnings("ignore", message="The legacy Dask DataFrame")
    warnings.filterwarnings("ignore", message="PyTorch dtype mappings")
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    sys.meta_path.insert(0, _CompatFinder())


_install()
