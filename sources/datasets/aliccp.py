"""Source ``aliccp``: which of the items shown to them Taobao customers clicked, from Ali-CCP.

X. Ma et al., "Entire space multi-task model", SIGIR 2018; tianchi.aliyun.com/dataset/408, for
research. Read from a folder ``aliccp`` with the official CSV files, or with Parquet files that
have the columns below. Without either, the generator that Merlin Models ships generates rows. They
are labelled synthetic: ids follow a log-normal distribution and clicks are coin flips, so they
exercise the pipeline but never measure quality.

Tables:
    interactions: user_id, item_id, click, conversion, all int64, in the order of the files
    users, items: the columns ``USER`` or ``ITEM``, which begin with the id, all int64; the first row of
        an id counts
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from recipes.schema.recipe import Recipe
from sources.files import given_folder
from sources.tables import RawTable, RawTables
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

ADDRESS = "https://tianchi.aliyun.com/dataset/408"
#: Columns, and their feature numbers in the official files.
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
#: A line's features: number, value and weight, separated by control characters.
_SEPARATORS = re.compile("[\x01\x02\x03]")
_HINT = (
    f"Give the official sample_skeleton_train.csv and common_features_train.csv ({ADDRESS}), "
    f"or Parquet files with the columns {', '.join(COLUMNS)}."
)


def read(recipe: Recipe, data_dir: Path | None) -> RawTables:
    """Read the three tables.

    Raises:
        ShortlistError: the folder exists but contains neither form, or a file is damaged.
    """
    folder = _folder(data_dir)
    if folder is None:
        rows = recipe.source.rows
        log.info(
            f"no folder aliccp given: generating {rows:,} SYNTHETIC rows (clicks are coin flips)"
        )
        return _tables(_synthetic(rows, recipe.source.catalogue), f"{rows:,} synthetic rows")
    log.info(f"reading Ali-CCP from {folder}")
    official = any(folder.rglob("sample_skeleton_train.csv"))
    found = _official(folder) if official else _parquet(folder)
    return _tables(pa.concat_tables(found), str(folder))


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on besides the recipe: the folder, or None for synthetic rows."""
    return [str(_folder(None))]


def _folder(data_dir: Path | None) -> Path | None:
    given = given_folder(data_dir)
    if given is None:
        return None
    if (given / "aliccp").is_dir():
        return given / "aliccp"
    # SHORTLIST_DATA may be a folder of other data sets.
    return data_dir


def _tables(rows: pa.Table, origin: str) -> RawTables:
    def first_of(names: list[str]) -> pa.Table:
        again = rows[names[0]].to_pandas().duplicated()
        return rows.select(names).filter(pa.array(~again))

    interactions = rows.select(["user_id", "item_id", *TARGETS])
    return RawTables(
        RawTable("interactions", origin, interactions),
        RawTable("users", origin, first_of(list(USER))),
        RawTable("items", origin, first_of(list(ITEM))),
    )


def _synthetic(rows: int, catalogue: int) -> pa.Table:
    with tempfile.TemporaryDirectory(prefix="shortlist-") as folder:
        file = Path(folder) / "rows.parquet"
        numbers = [str(rows), str(catalogue)]
        command = [sys.executable, "-m", "sources.datasets.aliccp_synthetic", *numbers, str(file)]
        root = Path(__file__).parents[2]
        ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise ShortlistError(
                f"expected {rows:,} rows from Merlin's generator, got an error: "
                f"{ended.stderr.strip()[-500:]} Lower source.rows, or give the real files ({ADDRESS})."
            )
        return pa.parquet.read_table(file, columns=list(COLUMNS))


def _parquet(folder: Path) -> Iterator[pa.Table]:
    files = sorted(file for file in folder.rglob("*.parquet") if file.is_file())
    if not files:
        raise ShortlistError(f"expected the files of Ali-CCP in {folder}, found none. {_HINT}")
    for file in files:
        try:
            table = pa.parquet.ParquetFile(file).read(columns=list(COLUMNS))
        except (pa.ArrowException, OSError) as error:
            raise ShortlistError(
                f"expected a complete Parquet file at {file}, got an error: {error}. It is damaged or "
                f"cut off; create it again from the files of {ADDRESS}."
            ) from error
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise ShortlistError(
                f"expected the columns {', '.join(missing)} in {file}, found none of these. {_HINT}"
            )
        yield pa.table({name: _whole_numbers(table, name, file) for name in COLUMNS})


def _whole_numbers(table: pa.Table, name: str, file: Path) -> pa.ChunkedArray:
    try:
        return table[name].cast(pa.int64())
    except pa.ArrowException as error:
        raise ShortlistError(
            f"expected whole numbers in column '{name}' of {file}, got an error: {error}. {_HINT}"
        ) from error


def _official(folder: Path) -> Iterator[pa.Table]:
    """Read the official training and test files, a million rows at a time."""
    for part in ("train", "test"):
        skeleton = next(folder.rglob(f"sample_skeleton_{part}.csv"), None)
        if skeleton is None:
            continue
        common = next(folder.rglob(f"common_features_{part}.csv"), None)
        if common is None:
            raise ShortlistError(
                f"expected common_features_{part}.csv in {folder}, which has {skeleton.name}, found "
                f"none. {_HINT}"
            )
        shared = dict(_lines(common, USER, 0))
        lines = _lines(skeleton, ITEM, 3)
        while block := list(islice(lines, 1_000_000)):
            absent = next((key for key, _ in block if key not in shared), None)
            if absent is not None:
                raise ShortlistError(
                    f"expected the common features {absent}, which {skeleton} names, in {common.name}, "
                    "found none: it is cut off, or belongs to another part. Download both again from "
                    f"{ADDRESS}."
                )
            yield _of_rows([shared[key] + numbers for key, numbers in block])


def _lines(path: Path, columns: dict[str, str], before: int) -> Iterator[tuple[str, list[int]]]:
    """Yield the key of the common features and the numbers of every line.

    A line has ``before`` fields (none, or its id, click and conversion), the key, the number of features,
    and the features. The numbers are the values of the features ``columns`` in that order, 0 for a missing
    one, followed by click and conversion.
    """
    number = 0
    # The files are ASCII; any other byte is not part of a number.
    with path.open(encoding="latin-1") as file:
        for number, line in enumerate(file, start=1):
            try:
                *front, key, _, features = line.rstrip("\n").split(",")
                parts = _SEPARATORS.split(features)
                if len(front) != before or len(parts) % 3 or not parts[-1]:
                    raise ValueError("a field is missing")
                found = dict(zip(parts[::3], parts[1::3], strict=True))
                values = [int(found.get(each, 0)) for each in columns.values()]
                yield key, values + [int(label) for label in front[1:]]
            except ValueError as error:
                raise ShortlistError(
                    "expected the comma-separated fields "
                    f"{'id, click, conversion, ' if before else ''}key of common features, number "
                    f"of features and features at {path}:{number}, got an error: {error}. The file is "
                    f"cut off, or another one. Download it again from {ADDRESS}."
                ) from error
    if number == 0:
        raise ShortlistError(
            f"expected lines of Ali-CCP in {path}, got an empty file. Download it again from {ADDRESS}."
        )


def _of_rows(rows: list[list[int]]) -> pa.Table:
    columns = [pa.array(column, pa.int64()) for column in zip(*rows, strict=True)]
    return pa.table(dict(zip(COLUMNS, columns, strict=True)))
