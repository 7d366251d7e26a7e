"""Source ``anime``: ratings of anime by users of myanimelist.net, a subsample.

CooperUnion's "Anime Recommendations Database" (Kaggle), cut to 5,000 users by A. da Costa Fortes for the
caserec project. Ratings are joined with what is known of each anime; rows with anything missing are dropped.

Tables:
    interactions: user_id int64, item_id int64, rating int64 (1 to 10)
    users: user_id int64, favourite_genres string, favourite_type string, favourite_audience float64
    items: item_id int64, name string, genres list<string>, type string, episodes int64, members int64

A user's context comes from what the user watched and did not rate, so that it gives no rating away: the three
most frequent genres, the most frequent type, and the mean of log10(members). Users who rated all that they
watched have none.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa

from recipes.errors import ShortlistError
from recipes.recipe import Recipe
from sources.files import Dataset, local
from sources.tables import RawTable, RawTables
from sources.text_table import read_table

RATINGS, INFO, HISTORY = "anime_ratings.dat", "anime_info.dat", "anime_history.dat"
ADDRESS = "https://github.com/caserec/Datasets-for-Recommender-Systems"
DATASET = Dataset(
    title="the anime ratings",
    folder="anime",
    forms=((RATINGS, INFO, HISTORY),),
    archives=("anime.zip",),
    by_hand=(
        f"Fetch the anime data of {ADDRESS} (a subsample of kaggle.com/datasets/CooperUnion/"
        "anime-recommendations-database) and give the folder that holds it: --data-dir FOLDER, or the "
        "environment variable SHORTLIST_DATA."
    ),
)
FAVOURITE_GENRES = 3


def read(recipe: Recipe, data_dir: Path | None, say: Callable[[str], None]) -> RawTables:
    """The three tables.

    Raises:
        ShortlistError: the files are not there, are damaged or lack a column.
    """
    files = local(DATASET, data_dir, say)
    if files is None:
        raise ShortlistError(f"{DATASET.title} cannot be downloaded by itself. {DATASET.by_hand}")
    say(f"reading {DATASET.title} of {files.origin}")
    number, text = pa.int64(), pa.string()
    pair = {"User_ID": number, "Anime_ID": number}
    ratings = read_table(DATASET, files, RATINGS, {**pair, "Feedback": number})
    watched = read_table(DATASET, files, HISTORY, pair)
    info = read_table(
        DATASET,
        files,
        INFO,
        {
            "anime_ids": number,
            "name": text,
            "genre": text,
            "type": text,
            "episodes": number,
            "members": number,
        },
    )
    items = info.to_pandas().rename(columns={"anime_ids": "item_id"}).dropna()
    items = items.astype({"episodes": "int64", "members": "int64"})
    names = ["user_id", "item_id"]
    rated = ratings.rename_columns([*names, "rating"]).to_pandas().dropna()
    rated = rated[rated["item_id"].isin(items["item_id"])]
    users = _contexts(rated, watched.rename_columns(names).to_pandas(), items)
    items["genres"] = [_genres(text) for text in items["genre"]]
    tables = {
        "interactions": rated,
        "users": users,
        "items": items[["item_id", "name", "genres", "type", "episodes", "members"]],
    }
    return RawTables(
        *(
            RawTable(name, files.origin, pa.Table.from_pandas(table, preserve_index=False))  # type: ignore[arg-type]
            for name, table in tables.items()
        )
    )


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on beside the recipe: where local files would be taken from."""
    return [os.environ.get("SHORTLIST_DATA", "")]


def _genres(text: str) -> list[str]:
    return [genre.strip() for genre in text.split(",")]


def _contexts(rated: pd.DataFrame, watched: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """A row per user who rated something; null where nothing was watched without a rating."""
    import numpy as np

    unrated = watched.merge(rated[["user_id", "item_id"]], how="left", indicator=True)
    unrated = unrated[unrated["_merge"] == "left_only"].merge(items, on="item_id")
    genres = unrated.assign(genre=unrated["genre"].map(_genres)).explode("genre")
    best = _most_frequent(genres, "genre").groupby("user_id").head(FAVOURITE_GENRES)
    kinds = _most_frequent(unrated, "type").groupby("user_id").head(1)
    users = pd.DataFrame({"user_id": np.sort(rated["user_id"].unique())}).set_index("user_id")
    users["favourite_genres"] = best.groupby("user_id")["genre"].agg(" ".join)
    users["favourite_type"] = kinds.set_index("user_id")["type"]
    audience = np.log10(unrated["members"].clip(lower=1)).groupby(unrated["user_id"]).mean()
    users["favourite_audience"] = audience
    return users.reset_index()


def _most_frequent(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Each user's values, the most frequent first; equally frequent ones in the order of the alphabet."""
    counts = rows.groupby(["user_id", column], as_index=False).size()
    return counts.sort_values(["user_id", "size", column], ascending=[True, False, True])
