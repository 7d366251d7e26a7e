"""Import this first in a process that only transforms tables: Merlin then runs without TensorFlow.

Dask workers preload it. Merlin imports TensorFlow where it is installed and does without it where it is not
(merlin/dtypes/mappings/tf.py, merlin/core/compat/tensorflow.py); leaving it out saves a process several
seconds and hundreds of megabytes. It cannot be imported afterwards. It waits for imports of TensorFlow that
Merlin makes only where it needs it.
"""

import sys
import warnings

if "tensorflow" not in sys.modules:
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # how Python marks "not installed"
    warnings.filterwarnings("ignore", message="Tensorflow dtype mappings did not load")
