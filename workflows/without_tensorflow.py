"""Import this first in a process that only transforms tables: Merlin runs without TensorFlow.

Dask workers preload it. Merlin imports TensorFlow where it is installed and does without it where
it is not (``merlin/dtypes/mappings/tf.py``, ``merlin/core/compat/tensorflow.py``); leaving it out
saves a process several seconds and hundreds of megabytes. It cannot be imported afterwards.
"""

import sys
import warnings

import workflows.merlin_compat  # noqa: F401

if "tensorflow" not in sys.modules:
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # how Python marks "not installed"
    warnings.filterwarnings("ignore", message="Tensorflow dtype mappings did not load")
