"""Source ``lastfm-2k``: how often users listened to artists, from HetRec 2011.

I. Cantador, P. Brusilovsky, T. Kuflik: "2nd Workshop on Information Heterogeneity and Fusion in
Recommender Systems", RecSys 2011; from last.fm via GroupLens, for non-commercial use.

Tables:
    interactions: user_id int64, item_id int64, plays int64, weight float64
    users: user_id int64
    items: item_id int64, name string

``weight`` is 1 + ln(plays): plays span five orders of magnitude, and the few most devoted listeners would
dominate a loss weighted by the raw counts.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from recipes.schema.recipe import Recipe
from sources.download import UnreachableError, download
from sources.files import Dataset, Files, in_archive, local
from sources.files import inputs as inputs
from sources.tables import RawTable, RawTables
from sources.text_table import read_table
from stages.artifacts import downloads
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

URL = "https://files.grouplens.org/datasets/hetrec2011/hetrec2011-lastfm-2k.zip"
DATASET = Dataset(
    title="HetRec 2011 Last.fm-2k",
    folder="lastfm-2k",
    forms=(("user_artists.dat", "artists.dat"),),
    archives=("hetrec2011-lastfm-2k.zip",),
    by_hand=(
        f"Download {URL} on a machine that can, and give its folder: --data-dir FOLDER, or the "
        "environment variable SHORTLIST_DATA."
    ),
)


def read(recipe: Recipe, data_dir: Path | None) -> RawTables:
    """Read the three tables.

    Raises:
        ShortlistError: the files are not available or damaged, or lack a column.
    """
    files = local(DATASET, data_dir) or _downloaded()
    log.info(f"reading {DATASET.title} (GroupLens; for non-commercial use) from {files.origin}")
    number, text = pa.int64(), pa.string()
    listens = read_table(
        DATASET,
        files,
        "user_artists.dat",
        {"userID": number, "artistID": number, "weight": number},
    )
    artists = read_table(DATASET, files, "artists.dat", {"id": number, "name": text})
    interactions = {
        "user_id": listens["userID"],
        "item_id": listens["artistID"],
        "plays": listens["weight"],
        "weight": play_weight(listens["weight"]),
    }
    return RawTables(
        RawTable("interactions", files.origin, pa.table(interactions)),
        RawTable("users", files.origin, pa.table({"user_id": pc.unique(listens["userID"])})),
        RawTable("items", files.origin, artists.rename_columns(["item_id", "name"])),
    )


def play_weight(plays: pa.ChunkedArray) -> pa.ChunkedArray:
    """The weight of a pair in the loss, float64: 1 + ln(plays)."""
    return pc.add(1.0, pc.ln(pc.cast(pc.max_element_wise(plays, 1), pa.float64())))


def _downloaded() -> Files:
    archive = downloads() / DATASET.archives[0]
    if not archive.exists():
        log.info(f"requesting {URL}")
        try:
            download(URL, archive, _holds_the_data)
        except UnreachableError as error:
            raise ShortlistError(
                f"expected to download {DATASET.title}, got {error}. {DATASET.by_hand}"
            ) from error
    return in_archive(DATASET, archive)


def _holds_the_data(path: Path) -> None:
    in_archive(DATASET, path)
