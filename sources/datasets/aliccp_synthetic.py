"""Made-up rows in the shape of Ali-CCP, by the generator that Merlin Models ships.

Run as a program of its own (``python -m sources.datasets.aliccp_synthetic ROWS CATALOGUE FILE``): the
generator brings TensorFlow in, which must not be there yet when the workflow prepares Merlin for it.
"""

import sys
from pathlib import Path

SEED = 42


def main(rows: int, catalogue: int, path: Path) -> None:
    """Write ``rows`` rows with the columns of the raw Ali-CCP to the Parquet file ``path``.

    The generator's ids are few, however many rows there are. With a ``catalogue`` above 0 ids are drawn
    from so many items, the popular ones more often, and as many users.
    """
    import dask
    import numpy as np

    # It has to be said before dask's data frames are imported: Merlin knows the old ones only.
    dask.config.set({"dataframe.query-planning": False})
    from merlin.datasets.synthetic import generate_data

    np.random.seed(SEED)  # the generator draws from NumPy's global state
    made = generate_data("aliccp-raw", rows).compute().astype("int64")
    if catalogue:
        made["item_id"] = (catalogue * np.random.random(rows) ** 2).astype("int64")
        made["user_id"] = (catalogue * np.random.random(rows)).astype("int64")
    made.to_parquet(path, index=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
