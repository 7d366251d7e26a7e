"""Write arrays to files."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np


def save(path: Path, array: np.ndarray) -> None:
    """Write an array as an ``.npy`` file.

    Raises:
        OSError: the file cannot be written. The error has the system's reason, whereas ``np.save``
            reports only how much is missing when the disk is full.
    """
    with path.open("wb") as file:
        # NumPy bypasses Python when it writes to a real file; this object is not one.
        writer = SimpleNamespace(write=file.write)
        np.lib.format.write_array(writer, array, allow_pickle=False)
