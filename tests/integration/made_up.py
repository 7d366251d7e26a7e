"""Small made-up data in each data set's own format, with two tastes: even users like even items.

``FOLDERS``: by source kind, the function that writes the files below a folder.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sources.datasets.aliccp import COLUMNS, ITEM, USER
from tests.sources.samples import write

USERS, ITEMS, EACH = 40, 30, 14


def pairs() -> list[tuple[int, int]]:
    """Users and items, numbered from 1: four in five of a user's items are of the user's own taste."""
    random = np.random.default_rng(11)
    found = []
    for user in range(1, USERS + 1):
        taste = np.where(np.arange(1, ITEMS + 1) % 2 == user % 2, 4.0, 1.0)
        items = random.choice(ITEMS, EACH, replace=False, p=taste / taste.sum()) + 1
        found += [(user, int(item)) for item in items]
    return found


def rating(user: int, item: int) -> int:
    """1 to 5: high for an item of the user's own taste."""
    return (4 if user % 2 == item % 2 else 2) + (user + item) % 3 - 1


def movielens(folder: Path) -> str:
    """GroupLens's files; returns the ratings' SHA-256."""
    rows = [f"{user}\t{item}\t{rating(user, item)}\t{100 + at}" for at, (user, item) in _by_time()]
    ratings = "".join(row + "\n" for row in rows).encode()
    genres = ("unknown", "Action", "Drama")
    films = [
        f"{item}|Film {item} ({1980 + item})||||0|{item % 2}|{1 - item % 2}"
        for item in range(1, ITEMS + 1)
    ]
    people = [
        f"{user}|{20 + user}|{'MF'[user % 2]}|{('writer', 'other')[user % 2]}|1"
        for user in range(1, USERS + 1)
    ]
    content = {
        "u.data": ratings,
        "u.item": _lines(films),
        "u.user": _lines(people),
        "u.genre": _lines([f"{genre}|{number}" for number, genre in enumerate(genres)]),
    }
    write(folder, content)
    return hashlib.sha256(ratings).hexdigest()


def lastfm(folder: Path) -> None:
    """HetRec's files; one in eight pairs has only two plays."""
    plays = [
        f"{user}\t{item}\t{2 if (user + item) % 8 == 0 else 10 * rating(user, item)}"
        for user, item in pairs()
    ]
    artists = [f"{item}\tBand {item}\thttp://a/{item}\t" for item in range(1, ITEMS + 1)]
    content = {
        "user_artists.dat": _lines(["userID\tartistID\tweight", *plays]),
        "artists.dat": _lines(["id\tname\turl\tpictureURL", *artists]),
    }
    write(folder, content)


def anime(folder: Path) -> None:
    """The three tables; users watched more than they rated."""
    rated = [f"{user}\t{item}\t{2 * rating(user, item)}" for user, item in pairs()]
    watched = [f"{user}\t{item}\t1" for user in range(1, USERS + 1) for item in range(1, ITEMS + 1)]
    info = [
        f"{item}\tShow {item}\t{('Drama', 'Comedy, Kids')[item % 2]}\tTV\t12\t7.5\t{item * 1000}"
        for item in range(1, ITEMS + 1)
    ]
    content = {
        "anime_ratings.dat": _lines(["User_ID\tAnime_ID\tFeedback", *rated]),
        "anime_history.dat": _lines(["User_ID\tAnime_ID\tFeedback", *watched]),
        "anime_info.dat": _lines(
            ["anime_ids\tname\tgenre\ttype\tepisodes\trating\tmembers", *info]
        ),
    }
    write(folder, content)


def aliccp(folder: Path) -> None:
    """A Parquet file: every user was shown many items, and clicked on those of their own taste."""
    shown = [
        (user, 1 + (user * 7 + 3 * step) % ITEMS) for user in range(1, 41) for step in range(20)
    ]
    values: dict[str, list[int]] = {name: [] for name in COLUMNS}
    for user, item in shown:
        for names, number in ((USER, user), (ITEM, item)):
            for name in names:
                values[name].append(number if name.endswith("_id") else number % 4)
        values["click"].append(int(user % 2 == item % 2))
        values["conversion"].append(0)
    (folder / "aliccp").mkdir(parents=True)
    pq.write_table(pa.table(values), folder / "aliccp" / "rows.parquet")


def gowalla(folder: Path) -> None:
    """LightGCN's lists; every seventh pair is in the test part."""
    parts: dict[str, dict[int, list[int]]] = {"train.txt": {}, "test.txt": {}}
    for place, (user, item) in enumerate(pairs()):
        part = "train.txt" if place % 7 else "test.txt"
        parts[part].setdefault(user, []).append(item)
    content = {
        name: _lines([" ".join(map(str, (user, *items))) for user, items in lists.items()])
        for name, lists in parts.items()
    }
    write(folder / "gowalla", content)


FOLDERS: dict[str, Callable[[Path], str | None]] = {
    "movielens-100k": movielens,
    "lastfm-2k": lastfm,
    "anime": anime,
    "aliccp": aliccp,
    "gowalla": gowalla,
}


def _by_time() -> list[tuple[int, tuple[int, int]]]:
    rows = pairs()
    return [
        (at, rows[row]) for at, row in enumerate(np.random.default_rng(3).permutation(len(rows)))
    ]


def _lines(rows: list[str]) -> bytes:
    return "".join(row + "\n" for row in rows).encode()
