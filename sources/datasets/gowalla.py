"""Source ``gowalla``: check-ins, with the test part that LightGCN and its successors report on.

X. He et al., "LightGCN: simplifying and powering graph convolution network for recommendation", SIGIR 2020;
check-ins from SNAP (E. Cho, S. Myers, J. Leskovec, KDD 2011), of users and places with at least ten.

Tables:
    interactions: user_id int64, item_id int64, held_out bool
    users: user_id int64, places int64
    items: item_id int64

``held_out``: whether the pair is in the published test part. ``places``: the user's pairs outside it.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from recipes.schema.recipe import Recipe
from sources.files import Dataset, Files, local
from sources.files import inputs as inputs
from sources.tables import RawTable, RawTables
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

TRAIN, TEST, GRAPH = "train.txt", "test.txt", "s_adj_mat.npz"
URL = "https://github.com/gusye1234/LightGCN-PyTorch/tree/master/data/gowalla"
DATASET = Dataset(
    title="Gowalla as split for LightGCN",
    folder="gowalla",
    # The graph is the form in which LightGCN's code stores the training part.
    forms=((TRAIN, TEST), (GRAPH, TEST)),
    archives=("gowalla.zip",),
    by_hand=(
        f"Download {TRAIN} and {TEST} from {URL} and give their folder: --data-dir FOLDER, or "
        "the environment variable SHORTLIST_DATA."
    ),
)


def read(recipe: Recipe, data_dir: Path | None) -> RawTables:
    """Read the three tables: the training part, then the test part.

    Raises:
        ShortlistError: the files are missing or damaged.
    """
    files = local(DATASET, data_dir)
    if files is None:
        raise ShortlistError(
            f"expected a folder with {DATASET.title}, which is not downloaded automatically, got none. "
            f"{DATASET.by_hand}"
        )
    log.info(f"reading {DATASET.title} from {files.origin}")
    test = _lists(files, TEST)
    training = _lists(files, TRAIN) if TRAIN in files.content else _graph(files, test)
    users, items = np.concatenate([training, test]).T
    held_out = np.arange(len(users)) >= len(training)
    everyone, row = np.unique(users, return_inverse=True)
    places = np.bincount(row[~held_out], minlength=len(everyone))
    interactions = {"user_id": users, "item_id": items, "held_out": held_out}
    return RawTables(
        RawTable("interactions", files.origin, pa.table(interactions)),
        RawTable("users", files.origin, pa.table({"user_id": everyone, "places": places})),
        RawTable("items", files.origin, pa.table({"item_id": np.unique(items)})),
    )


def _lists(files: Files, name: str) -> np.ndarray:
    """Pairs int64 [n, 2] from lines ``user item item …``; a user without items has a line, too."""
    pairs: list[tuple[int, int]] = []
    for number, line in enumerate(files.content[name].splitlines(), 1):
        try:
            user, *items = map(int, line.split())
        except ValueError as error:
            raise ShortlistError(
                "expected whole numbers, a user and the user's items, in line "
                f"{number} of {name} of {files.origin}, got "
                f"`{line[:60].decode(errors='replace')}`. {DATASET.by_hand}"
            ) from error
        pairs += [(user, item) for item in items]
    if not pairs:
        raise ShortlistError(
            f"expected pairs of user and item in {name} of {files.origin}, got none. {DATASET.by_hand}"
        )
    return np.array(pairs, np.int64)


def _graph(files: Files, test: np.ndarray) -> np.ndarray:
    """Pairs int64 [n, 2] from the symmetric adjacency matrix of all users, then all items.

    The matrix does not store where the items begin: the first item is the first column with an edge from a
    user.
    """
    from scipy import sparse

    where = f"{GRAPH} of {files.origin}"
    try:
        matrix = sparse.load_npz(io.BytesIO(files.content[GRAPH])).tocoo()
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ShortlistError(
            f"expected a sparse matrix in {where}, got an error: {error}. {DATASET.by_hand}"
        ) from error
    upper = matrix.row < matrix.col
    rows, columns = matrix.row[upper].astype(np.int64), matrix.col[upper].astype(np.int64)
    if not len(rows) or rows.max() >= columns.min():
        raise ShortlistError(
            f"expected a graph of users and items in {where}, with every edge between one of the first "
            f"rows, the users, and a later one, the items, got other edges. {DATASET.by_hand}"
        )
    first_item = int(columns.min())
    if test[:, 0].max() >= first_item or test[:, 1].max() >= matrix.shape[0] - first_item:
        raise ShortlistError(
            f"expected only the {first_item:,} users and {matrix.shape[0] - first_item:,} items of {where} "
            f"in {TEST}, got others: the files do not belong together. {DATASET.by_hand}"
        )
    order = np.lexsort((columns, rows))
    return np.stack([rows[order], columns[order] - first_item], axis=1)
