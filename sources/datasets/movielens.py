"""Source ``movielens-100k``: raw tables from its files, in GroupLens' form or RecBole's.

Both forms give the same tables::

    interactions  user_id int64, item_id int64, rating int64 (1 to 5), timestamp int64 (seconds)
    users         user_id int64, age int64, gender string, occupation string, zip_code string
    items         item_id int64, title string, year int64 (null where unknown), genres list<string>

Interactions keep the order of ``u.data``. With ``titles_as_items``, the title replaces ``item_id`` in
interactions and items.
"""

import io
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from recipes.schema.recipe import Recipe
from sources.datasets.movielens_files import DATASET, find, ratings
from sources.files import Files
from sources.files import inputs as inputs
from sources.tables import RawTable, RawTables
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

_YEAR = re.compile(r"(?P<name>.*?) *\((?P<year>\d{4})\)(?: \(V\))?")
#: An article at the end of a title or of a title in parentheses: "Empire Strikes Back, The".
_ARTICLE = re.compile(
    r"(?P<start>^|\()(?P<name>[^()]+), (?P<article>The|A|An|La|Les|Le|Il|Der|Das|Die|Det|O|L')"
    r"(?= \(|\)|$)"
)


def read(recipe: Recipe, data_dir: Path | None) -> RawTables:
    """Read the three tables.

    Raises:
        ShortlistError: the files are not available (see ``find``), or files other than the ratings are
            damaged.
    """
    files = find(data_dir)
    log.info(
        f"reading MovieLens-100K (GroupLens; for research, not to be passed on) from {files.origin}"
    )
    try:
        read = tables(files)
        return titles_as_items(read) if recipe.source.titles_as_items else read
    except (ValueError, LookupError) as error:
        # Not the ratings, whose checksum ``find`` verified.
        raise ShortlistError(
            f"expected the users, films and genres of MovieLens-100K in {files.origin}, got "
            f"{type(error).__name__}: {error}. A file is damaged or cut off. {DATASET.by_hand}"
        ) from error


def tables(files: Files) -> RawTables:
    """The raw tables from files in either form."""
    columns = ["user_id", "item_id", "rating", "timestamp"]
    interactions = pyarrow.csv.read_csv(
        io.BytesIO(ratings(files)),
        read_options=pyarrow.csv.ReadOptions(column_names=columns),
        parse_options=pyarrow.csv.ParseOptions(delimiter="\t"),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.int64())),
    )
    if "u.user" in files.content:
        users = _rows(files.content["u.user"], "|")
        items = _items_of_grouplens(files)
    else:
        users = _rows(files.content["ml-100k.user"], "\t")[1:]
        items = _items_of_recbole(files)
    return RawTables(
        RawTable("interactions", files.origin, interactions),
        RawTable("users", files.origin, _users_table(users)),
        RawTable("items", files.origin, _items_table(items)),
    )


def titles_as_items(tables: RawTables) -> RawTables:
    """Merge films of the same title into one item: its id is the title, its features are the first film's."""
    films = tables.items.in_memory()
    titles = dict(zip(films["item_id"].to_pylist(), films["title"].to_pylist(), strict=True))
    interactions = tables.interactions.in_memory()
    rated = pa.array([titles[film] for film in interactions["item_id"].to_pylist()], pa.string())
    place = interactions.column_names.index("item_id")
    interactions = interactions.set_column(place, "title", rated)
    first = {title: row for row, title in reversed(list(enumerate(films["title"].to_pylist())))}
    items = films.take(sorted(first.values())).drop_columns(["item_id"])
    return RawTables(
        RawTable("interactions", tables.interactions.origin, interactions),
        tables.users,
        RawTable("items", tables.items.origin, items),
    )


def readable_title(title: str) -> tuple[str, int | None]:
    """A title with its articles in front and its year, and the year.

    ``"Empire Strikes Back, The (1980)"`` becomes ``("The Empire Strikes Back (1980)", 1980)``.
    """
    found = _YEAR.fullmatch(title)
    name, year = (found["name"], int(found["year"])) if found else (title, None)
    name = _ARTICLE.sub(_article_first, name)
    return (name if year is None else f"{name} ({year})"), year


def _article_first(found: re.Match[str]) -> str:
    gap = "" if found["article"].endswith("'") else " "
    return f"{found['start']}{found['article']}{gap}{found['name']}"


def _rows(content: bytes, separator: str) -> list[list[str]]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # as GroupLens publishes it
    lines = text.replace("\r\n", "\n").split("\n")
    return [line.split(separator) for line in lines if line.strip()]


def _items_of_grouplens(files: Files) -> list[tuple[int, str, list[str]]]:
    genres = [row[0] for row in _rows(files.content["u.genre"], "|")]
    items = []
    for row in _rows(files.content["u.item"], "|"):
        chosen = [name for name, flag in zip(genres, row[5:], strict=True) if flag == "1"]
        items.append((int(row[0]), row[1].strip(), chosen))
    return items


def _items_of_recbole(files: Files) -> list[tuple[int, str, list[str]]]:
    """RecBole takes the last parentheses of a title for the year, which is wrong for two films."""
    items = []
    for number, title, year, genres in _rows(files.content["ml-100k.item"], "\t")[1:]:
        original = "unknown" if title == "unkonwn" else f"{title} ({year})"
        items.append((int(number), original, genres.split()))
    return items


def _users_table(rows: list[list[str]]) -> pa.Table:
    numbers, ages, genders, occupations, zip_codes = zip(*rows, strict=True)
    return pa.table(
        {
            "user_id": pa.array(map(int, numbers), pa.int64()),
            "age": pa.array(map(int, ages), pa.int64()),
            "gender": pa.array(genders, pa.string()),
            "occupation": pa.array(occupations, pa.string()),
            "zip_code": pa.array(zip_codes, pa.string()),
        }
    )


def _items_table(rows: list[tuple[int, str, list[str]]]) -> pa.Table:
    titles = [readable_title(title) for _, title, _ in rows]
    return pa.table(
        {
            "item_id": pa.array([number for number, _, _ in rows], pa.int64()),
            "title": pa.array([title for title, _ in titles], pa.string()),
            "year": pa.array([year for _, year in titles], pa.int64()),
            "genres": pa.array([genres for _, _, genres in rows], pa.list_(pa.string())),
        }
    )
