"""Source ``anime``: a subsample of anime ratings by users of myanimelist.net.

CooperUnion's "Anime Recommendations Database" (Kaggle), cut to 5,000 users by A. da Costa Fortes
for the caserec project. Ratings are joined with the data about each anime; rows with missing values
are dropped.

Tables:
    interactions: user_id int64, item_id int64, rating int64 (1 to 10)
    users: user_id int64, favourite_genres string, favourite_type string, favourite_audience float64
    items: item_id int64, name string, genres list<string>, type string, episodes int64,
        members int64

A user's context is computed from the anime that the user watched but did not rate, so that no rating
leaks into it: the three most frequent genres, the most frequent type, and the mean of log10(members).
Users who rated everything that they watched have no context.
"""

import html
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from recipes.schema.recipe import Recipe
from sources.files import Dataset, Files, local
from sources.files import inputs as inputs
from sources.tables import RawTable, RawTables, TableName
from sources.text_table import read_table
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

RATINGS, INFO, HISTORY = "anime_ratings.dat", "anime_info.dat", "anime_history.dat"
ADDRESS = "https://github.com/caserec/Datasets-for-Recommender-Systems"
DATASET = Dataset(
    title="the anime ratings",
    folder="anime",
    forms=((RATINGS, INFO, HISTORY),),
    archives=("anime.zip",),
    by_hand=(
        f"Download the anime data from {ADDRESS} (a subsample of kaggle.com/datasets/CooperUnion/"
        "anime-recommendations-database) and give their folder: --data-dir FOLDER, or "
        "the environment variable SHORTLIST_DATA."
    ),
)
FAVOURITE_GENRES = 3
_SCHEMAS: dict[TableName, pa.Schema] = {
    "interactions": pa.schema(
        {"user_id": pa.int64(), "item_id": pa.int64(), "rating": pa.int64()},
    ),
    "users": pa.schema(
        {
            "user_id": pa.int64(),
            "favourite_genres": pa.string(),
            "favourite_type": pa.string(),
            "favourite_audience": pa.float64(),
        }
    ),
    "items": pa.schema(
        {
            "item_id": pa.int64(),
            "name": pa.string(),
            "genres": pa.list_(pa.string()),
            "type": pa.string(),
            "episodes": pa.int64(),
            "members": pa.int64(),
        }
    ),
}


def read(recipe: Recipe, data_dir: Path | None) -> RawTables:
    """Read the three tables.

    Raises:
        ShortlistError: the files are missing or damaged, or lack a column.
    """
    files = local(DATASET, data_dir)
    if files is None:
        raise ShortlistError(
            f"expected a folder with {DATASET.title}, which is not downloaded automatically, got "
            f"none. {DATASET.by_hand}"
        )
    log.info(f"reading {DATASET.title} from {files.origin}")
    number, text = pa.int64(), pa.string()
    pair = {"User_ID": number, "Anime_ID": number}
    names = {"anime_ids": number, "name": text, "genre": text, "type": text}
    rated = _rows(files, RATINGS, {**pair, "Feedback": number}, _SCHEMAS["interactions"].names)
    watched = _rows(files, HISTORY, pair, ["user_id", "item_id"])
    items = _rows(
        files, INFO, {**names, "episodes": number, "members": number}, _SCHEMAS["items"].names
    )
    items["name"] = items["name"].map(html.unescape)
    items["genres"] = items["genres"].str.split(r"\s*,\s*")
    rated = rated[rated["item_id"].isin(items["item_id"])]
    return RawTables(
        _table("interactions", files, rated),
        _table("users", files, _contexts(rated, watched, items)),
        _table("items", files, items),
    )


def _rows(files: Files, name: str, types: dict[str, pa.DataType], names: list[str]) -> pd.DataFrame:
    """The complete rows of a file, with its columns ``types`` renamed to ``names``."""
    table = read_table(DATASET, files, name, types).rename_columns(names)
    # Before pandas, which turns integers with nulls into floats.
    return table.drop_null().to_pandas()


def _table(name: TableName, files: Files, rows: pd.DataFrame) -> RawTable:
    table = pa.Table.from_pandas(rows, _SCHEMAS[name], preserve_index=False)
    return RawTable(name, files.origin, table)


def _contexts(rated: pd.DataFrame, watched: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """One row per user who rated something; null if the user rated everything that they watched."""
    unrated = watched.merge(rated[["user_id", "item_id"]], how="left", indicator=True)
    unrated = unrated[unrated["_merge"] == "left_only"].merge(items, on="item_id")
    best = _most_frequent(unrated.explode("genres"), "genres").groupby("user_id")
    kinds = _most_frequent(unrated, "type").groupby("user_id")
    users = pd.DataFrame({"user_id": np.sort(rated["user_id"].unique())}).set_index("user_id")
    users["favourite_genres"] = best["genres"].agg(lambda each: " ".join(each[:FAVOURITE_GENRES]))
    users["favourite_type"] = kinds["type"].first()
    audience = np.log10(unrated["members"].clip(lower=1)).groupby(unrated["user_id"]).mean()
    users["favourite_audience"] = audience
    return users.reset_index()


def _most_frequent(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Each user's values, most frequent first; ties in alphabetical order."""
    counts = rows.groupby(["user_id", column], as_index=False).size()
    return counts.sort_values(["user_id", "size", column], ascending=[True, False, True])
