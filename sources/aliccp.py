"""Source ``aliccp``: which shown item a customer of Taobao clicked on, from Ali-CCP.

X. Ma et al., "Entire space multi-task model", SIGIR 2018; tianchi.aliyun.com/dataset/408, for research.
Taken from a folder ``aliccp`` with the official CSV files, or with Parquet files that have the columns
below; where there is neither, rows made up by the generator that Merlin Models ships. Those are labelled
synthetic: ids follow a log-normal distribution, clicks a coin, so they measure the machinery and never
quality.

Tables:
    interactions: user_id, item_id, click, conversion, all int64, in the order of the files
    users, items: the id and ``USER`` or ``ITEM``, all int64; of several rows of an id the first counts
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

from recipes.errors import ShortlistError
from recipes.recipe import Recipe
from sources.files import given_folder
from sources.tables import RawTable, RawTables

ADDRESS = "https://tianchi.aliyun.com/dataset/408"
#: Columns and the numbers that the official files know them by.
USER = {
    "user_id": "101",
    "user_profile": "121",
    "user_group": "122",
    "user_gender": "124",
    "user_age": "125",
    "user_consumption_1": "126",
    "user_consumption_2": "127",
    "user_is_occupied": "128",
    "user_geography": "129",
}
ITEM = {
    "item_id": "205",
    "item_category": "206",
    "item_shop": "207",
    "item_brand": "216",
    "item_intention": "210",
}
TARGETS = ("click", "conversion")
COLUMNS = (*USER, *ITEM, *TARGETS)
#: A line's features: number, value and weight, between control characters.
_SEPARATORS = re.compile("[\x01\x02\x03]")
_HINT = (
    f"Expected the official sample_skeleton_train.csv and common_features_train.csv ({ADDRESS}), or "
    f"Parquet files with the columns {', '.join(COLUMNS)}."
)


def read(recipe: Recipe, data_dir: Path | None, say: Callable[[str], None]) -> RawTables:
    """The three tables.

    Raises:
        ShortlistError: a folder is there and holds neither form, or a file is damaged.
    """
    folder = _folder(data_dir)
    if folder is None:
        rows = recipe.source.rows
        say(f"no folder aliccp is given: making up {rows:,} SYNTHETIC rows (clicks are a coin)")
        return _tables(_synthetic(rows), f"{rows:,} synthetic rows")
    say(f"reading Ali-CCP of {folder}")
    if next(folder.rglob("sample_skeleton_train.csv"), None) is not None:
        return _tables(pa.concat_tables(_official(folder)), str(folder))
    return _tables(_parquet(folder), str(folder))


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on beside the recipe: where local files would be taken from."""
    return [os.environ.get("SHORTLIST_DATA", "")]


def _folder(data_dir: Path | None) -> Path | None:
    given = given_folder(data_dir)
    if given is None:
        return None
    if (given / "aliccp").is_dir():
        return given / "aliccp"
    # SHORTLIST_DATA may well be a folder of other data sets.
    return data_dir


def _tables(rows: pa.Table, origin: str) -> RawTables:
    def first_of(names: list[str]) -> pa.Table:
        frame = rows.select(names).to_pandas().drop_duplicates(names[0])
        return pa.Table.from_pandas(frame, preserve_index=False)

    interactions = rows.select(["user_id", "item_id", *TARGETS])
    return RawTables(
        RawTable("interactions", origin, interactions),
        RawTable("users", origin, first_of(list(USER))),
        RawTable("items", origin, first_of(list(ITEM))),
    )


def _synthetic(rows: int) -> pa.Table:
    with tempfile.TemporaryDirectory(prefix="shortlist-") as folder:
        file = Path(folder) / "rows.parquet"
        command = [sys.executable, "-m", "sources.aliccp_synthetic", str(rows), str(file)]
        root = Path(__file__).parent.parent
        ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise ShortlistError(
                f"Merlin's generator failed to make {rows:,} rows: {ended.stderr.strip()[-500:]} "
                "Lower source.rows, or give the real files."
            )
        return pa.parquet.read_table(file, columns=list(COLUMNS))


def _parquet(folder: Path) -> pa.Table:
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise ShortlistError(f"{folder} holds no Ali-CCP. {_HINT}")
    for file in files:
        try:
            names = pa.parquet.read_schema(file).names
        except (pa.ArrowException, OSError) as error:
            raise ShortlistError(
                f"{file} cannot be read as Parquet: {error}. It is damaged or cut off; fetch it again."
            ) from error
        missing = [name for name in COLUMNS if name not in names]
        if missing:
            raise ShortlistError(f"{file} has no column {', '.join(missing)}. {_HINT}")
    schema = pa.schema([(name, pa.int64()) for name in COLUMNS])
    return pa.dataset.dataset(files, schema=schema).to_table(columns=list(COLUMNS))


def _official(folder: Path) -> Iterator[pa.Table]:
    """The official training and test files, a million rows at a time."""
    for part in ("train", "test"):
        skeleton = next(folder.rglob(f"sample_skeleton_{part}.csv"), None)
        if skeleton is None:
            continue
        common = next(folder.rglob(f"common_features_{part}.csv"), None)
        if common is None:
            raise ShortlistError(
                f"{folder} has {skeleton.name} and no common_features_{part}.csv. {_HINT}"
            )
        shared = {key: _values(features, USER) for key, _, features in _lines(common, 3)}
        rows: list[list[int]] = []
        for _, click, conversion, key, _, features in _lines(skeleton, 6):
            if key not in shared:
                raise ShortlistError(
                    f"{skeleton} names the common features {key}, which {common.name} does not hold: "
                    f"it is cut off, or of another part. Fetch both again from {ADDRESS}."
                )
            rows.append([*shared[key], *_values(features, ITEM), int(click), int(conversion)])
            if len(rows) == 1_000_000:
                yield _of_rows(rows)
                rows = []
        if rows:
            yield _of_rows(rows)


def _lines(path: Path, fields: int) -> Iterator[list[str]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            values = line.rstrip("\n").split(",")
            if len(values) != fields:
                raise ShortlistError(
                    f"{path}:{number} has {len(values)} fields between commas, and {fields} were "
                    f"expected: it is cut off or another file. Fetch it again from {ADDRESS}."
                )
            yield values


def _values(features: str, columns: dict[str, str]) -> list[int]:
    """The features' values in the order of ``columns``; 0 for one that is not there."""
    parts = _SEPARATORS.split(features)
    found = dict(zip(parts[::3], parts[1::3], strict=False))
    return [int(found.get(number, 0)) for number in columns.values()]


def _of_rows(rows: list[list[int]]) -> pa.Table:
    columns = [pa.array(column, pa.int64()) for column in zip(*rows, strict=True)]
    return pa.table(dict(zip(COLUMNS, columns, strict=True)))
