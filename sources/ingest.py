"""Read a recipe's raw tables from their source and write them to its artifacts."""

import importlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recipes.schema.raw_column import TABLES
from recipes.schema.recipe import Recipe
from sources.canonical.tables import canonical
from sources.checks import check
from sources.tables import RawTable
from stages.artifacts import Artifacts, Raw
from stages.atomic import atomic_directory
from stages.errors import ShortlistError
from stages.log import logger
from stages.progress import phase
from stages.stamps import fingerprint, is_fresh, write_stamp

log = logger(__name__)

#: The module that reads each kind. It has ``read(recipe, data_dir) -> RawTables`` and
#: ``inputs(recipe) -> list[str]``, what the tables depend on besides the recipe.
MODULES = {
    "movielens-100k": "sources.datasets.movielens",
    "lastfm-2k": "sources.datasets.lastfm",
    "listenbrainz": "sources.datasets.listenbrainz",
    "anime": "sources.datasets.anime",
    "aliccp": "sources.datasets.aliccp",
    "gowalla": "sources.datasets.gowalla",
    "files": "sources.own_tables",
    "parquet": "sources.own_tables",  # the older name
    "sql": "sources.sql",
}

#: Rows per row group of the raw tables, plus up to a batch.
_ROW_GROUP = 1 << 20


def ingest(
    recipe: Recipe,
    artifacts: Artifacts,
    data_dir: Path | None,
    *,
    force: bool = False,
) -> None:
    """Write ``artifacts.raw``: interactions, users and items, checked, with raw names and ids.

    The three new tables replace the old ones together, once all are complete. Tables that are up to date
    stay unchanged, unless ``force``.

    Args:
        data_dir: a folder with the data set's files, tried before anything is downloaded.

    Raises:
        ShortlistError: the data are not available, or do not match the recipe.
    """
    source = importlib.import_module(MODULES[recipe.source.kind])
    tables = recipe.model_dump(mode="json", include={"source", "columns", "events", "features"})
    used = {name: sorted(recipe.columns_of(name)) for name in TABLES}
    code = ["sources", "stages/arrow_types.py"]
    current = fingerprint(
        {**tables, "used": used, "data_dir": str(data_dir)}, code, source.inputs(recipe)
    )
    raw = artifacts.raw
    written = (raw.interactions, raw.users, raw.items)
    if not force and is_fresh(raw.stamp, current) and all(path.exists() for path in written):
        log.info(f"{raw.root} is up to date")
        return
    with phase("reading the data"):
        read = canonical(source.read(recipe, data_dir), recipe)
        check(read, recipe)
    try:
        with atomic_directory(raw.root) as folder:
            new = Raw(folder)
            _write(read.interactions, new.interactions)
            _write(read.users, new.users)
            _write(read.items, new.items)
            write_stamp(new.stamp, current)
    except OSError as error:
        denied = isinstance(error, PermissionError)
        remedy = "Give your user write permission there" if denied else "Free disk space"
        raise ShortlistError(
            f"expected to write {raw.root}, got {error}. The previous tables are unchanged. "
            f"{remedy}, or set SHORTLIST_ARTIFACTS to another folder, and run this again."
        ) from error
    log.info(
        f"{read.interactions.table.num_rows:,} interactions, {read.users.table.num_rows:,} users, "
        f"{read.items.table.num_rows:,} items in {raw.root}"
    )


def _write(table: RawTable, path: Path) -> None:
    """Write one row group at a time, so that a table in files is never in memory as a whole."""
    with pq.ParquetWriter(path, table.table.schema) as writer:
        waiting, rows = [], 0
        for batch in table.table.to_batches():
            waiting.append(batch)
            rows += batch.num_rows
            if rows >= _ROW_GROUP:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting, rows = [], 0
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
