"""Generate synthetic rows in the form of Ali-CCP, with the generator that Merlin Models ships.

Runs as a separate program (``python -m sources.datasets.aliccp_synthetic ROWS CATALOGUE FILE``): the
generator imports TensorFlow, which must not be loaded before the workflow prepares Merlin for it.
"""

import sys
from pathlib import Path

SEED = 42


def main(rows: int, catalogue: int, path: Path) -> None:
    """Write ``rows`` rows with the columns of the raw Ali-CCP to the Parquet file ``path``.

    The generator uses few ids, however many rows there are. With a ``catalogue`` above 0, ids are drawn from
    that many items, the popular ones more often, and from as many users.
    """
    import dask
    import numpy as np

    # Must be set before Dask's data frames are imported: Merlin supports only the old ones.
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
