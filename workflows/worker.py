"""Imported first by every Dask worker: Merlin's libraries made to run, and TensorFlow left out.

A worker only transforms tables. Merlin imports TensorFlow where it is installed and does without it
where it is not (``merlin/dtypes/mappings/tf.py``, ``merlin/core/compat/tensorflow.py``); that saves
every worker several seconds and hundreds of megabytes.
"""

import sys
import warnings

import workflows.merlin_compat  # noqa: F401

if "tensorflow" not in sys.modules:
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # how Python marks "not installed"
    warnings.filterwarnings("ignore", message="Tensorflow dtype mappings did not load")
