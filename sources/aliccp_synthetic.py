"""Made-up rows in the shape of Ali-CCP, by the generator that Merlin Models ships.

Run as a program of its own (``python -m sources.aliccp_synthetic ROWS FILE``): the generator brings
TensorFlow in, which must not be there yet when the workflow prepares Merlin for it.
"""

import sys
from pathlib import Path

SEED = 42


def main(rows: int, path: Path) -> None:
    """Write ``rows`` rows with the columns of the raw Ali-CCP to the Parquet file ``path``."""
    import dask
    import numpy as np

    # It has to be said before dask's data frames are imported: Merlin knows the old ones only.
    dask.config.set({"dataframe.query-planning": False})
    from merlin.datasets.synthetic import generate_data

    np.random.seed(SEED)  # the generator draws from NumPy's global state
    generate_data("aliccp-raw", rows).compute().astype("int64").to_parquet(path, index=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
