"""Import this first in a process that only transforms tables: Merlin then runs without TensorFlow.

Dask workers preload it. Merlin imports TensorFlow if it is installed and runs without it otherwise
(merlin/dtypes/mappings/tf.py, merlin/core/compat/tensorflow.py); without TensorFlow, a process saves several
seconds and hundreds of megabytes. TensorFlow cannot be imported afterwards. Delete this shim when Merlin
imports TensorFlow only when it needs it.
"""

import sys
import warnings

if "tensorflow" not in sys.modules:
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # how Python marks "not installed"
    warnings.filterwarnings("ignore", message="Tensorflow dtype mappings did not load")
