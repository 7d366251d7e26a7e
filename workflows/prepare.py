"""Raw tables -> encoded train, valid and test rows, users and items, and the compiled encoding."""

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from recipes.artifacts import Artifacts, Prepared
from recipes.atomic import atomic_directory
from recipes.errors import ShortlistError
from recipes.freshness import fingerprint, is_fresh, write_stamp
from recipes.inputs import need
from recipes.recipe import Recipe
from workflows.engines import Engine, chosen_engine

if TYPE_CHECKING:
    import polars as pl

    from workflows.selection import Say
    from workflows.tables import Tables

Progress = Callable[[int, int], None]

#: What prepares and serves alike.
_RUNTIME = ("codes", "number_features", "times", "values", "words")


def prepare(
    recipe: Recipe,
    artifacts: Artifacts,
    *,
    force: bool,
    engine: Engine | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    say: "Say",
    progress: Progress = lambda done, total: None,
) -> None:
    """Read ``artifacts.raw``, write ``artifacts.prepared`` (``recipes.artifacts`` names the files).

    The new output takes the old one's place at the very end: whatever goes wrong before leaves the
    old one as it was. Output that is up to date is kept unless ``force``.
    ``engine`` (see ``workflows.engines``), ``workers`` and ``scheduler`` (``workflows.cluster``) do
    not change the output. ``progress`` is told how many of all rows are on their way.

    Raises ``ShortlistError`` for data that cannot be prepared, and where it cannot be written.
    """
    with_engine = chosen_engine(engine, workers, scheduler)
    made_from = _fingerprint(recipe, artifacts)
    if not force and is_fresh(artifacts.prepared.stamp, made_from):
        say(f"{artifacts.prepared.root} is up to date")
        return

    from workflows.cluster import computing
    from workflows.tables import read_tables

    tables = read_tables(recipe, artifacts.raw)
    try:
        with (
            computing(workers, scheduler, gpu=with_engine == "cudf"),
            atomic_directory(artifacts.prepared.root) as folder,
        ):
            _prepare(recipe, tables, Prepared(folder), with_engine, say, progress)
            write_stamp(Prepared(folder).stamp, made_from)
    except OSError as error:
        raise ShortlistError(
            f"{artifacts.prepared.root} could not be written: {error}. What was there before is as "
            "it was. Free disk space, or set SHORTLIST_ARTIFACTS to another place, and run "
            "`shortlist prepare` again."
        ) from error


def _fingerprint(recipe: Recipe, artifacts: Artifacts) -> str:
    """Of the raw tables' bytes, the recipe's tables that matter here, and this package."""
    inputs = []
    for path in (artifacts.raw.interactions, artifacts.raw.users, artifacts.raw.items):
        need(path, "prepare", recipe.given_as)
        with path.open("rb") as file:
            inputs.append(hashlib.file_digest(file, "sha256").hexdigest())
    tables = {"columns", "interactions", "vocabulary", "features", "split"}
    runtime = [f"ensemble/runtime/{name}.py" for name in _RUNTIME]
    code = ["workflows", *runtime]
    return fingerprint(recipe.model_dump(mode="json", include=tables), code, inputs)


def _prepare(
    recipe: Recipe,
    tables: "Tables",
    prepared: Prepared,
    engine: Engine,
    say: "Say",
    progress: Progress,
) -> None:
    from workflows import with_nvtabular, with_polars
    from workflows.derived import derive, write_derived
    from workflows.encoding import compile_encoding
    from workflows.graph import FeatureGraph
    from workflows.partitions import RawParts, encodable, in_partitions
    from workflows.selection import select, with_parts, without_rare

    columns = recipe.columns
    rows = select(recipe, tables, say)
    if recipe.vocabulary.drop_rare:
        tables, rows = without_rare(recipe, tables, rows, say)
    rows = with_parts(recipe, rows, say)
    derived = derive(recipe, tables, rows)
    graph = FeatureGraph(recipe, prepared.workflow)
    with RawParts(tables, columns, prepared) as raw:
        dealt = in_partitions(rows, columns.user, columns.timestamp)
        partitions = _told(dealt, len(rows), progress)
        both = ((partition, raw.write(partition)) for partition in partitions)
        if engine == "polars":
            numbered = (encodable(columns, partition) for partition, _ in both)
            workflow = with_polars.encode(graph, derived, rows, numbered, prepared)
        else:
            with_ids = (
                encodable(columns, written.with_columns(derived.told(partition)))
                for partition, written in both
            )
            gpu = engine == "cudf"
            workflow = with_nvtabular.encode(graph, derived.tables, with_ids, prepared, gpu)
    write_derived(graph, derived, prepared)
    compile_encoding(graph, derived, prepared.encoding)
    workflow.save(prepared.workflow)
    say(f"encoded {len(tables.users):,} users and {len(tables.items):,} items")


def _told(
    partitions: "Iterator[pl.DataFrame]", total: int, progress: Progress
) -> "Iterator[pl.DataFrame]":
    done = 0
    for partition in partitions:
        yield partition
        done += len(partition)
        progress(done, total)
