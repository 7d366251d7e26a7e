"""Arrays in files."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np


def save(path: Path, array: np.ndarray) -> None:
    """Write an array as NumPy's ``.npy``.

    Raises:
        OSError: it cannot be written; unlike ``np.save``, which says only how much is missing when the
            disk is full, with the system's reason.
    """
    with path.open("wb") as file:
        # NumPy writes around Python into what it takes for a file.
        writer = SimpleNamespace(write=file.write)
        np.lib.format.write_array(writer, array, allow_pickle=False)
