"""Raw tables -> encoded train, valid and test rows, users and items, and the compiled encoding."""

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Container, Iterator
from typing import TYPE_CHECKING

from recipes.resolution.text import explained
from recipes.schema.recipe import Recipe
from stages.artifacts import PARTS, Artifacts, Preparing, Raw
from stages.atomic import atomic_directory
from stages.columns import PLACE
from stages.errors import ShortlistError
from stages.locks import locked
from stages.log import logger
from stages.prerequisites import need
from stages.progress import phase
from stages.resuming import unfinished
from stages.stamps import fingerprint, is_fresh, write_stamp
from workflows.engines.choice import Engine, chosen_engine

if TYPE_CHECKING:
    import polars as pl

    from workflows.tables import Tables

log = logger(__name__)

Progress = Callable[[int, int], None]


def prepare(
    recipe: Recipe,
    artifacts: Artifacts,
    *,
    force: bool = False,
    engine: Engine | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    encoded_rows: bool = False,
    progress: Progress = lambda done, total: None,
) -> None:
    """Read ``artifacts.raw``, write ``artifacts.prepared`` (``stages.artifacts`` names the files).

    The new output replaces the old at the very end, so an earlier failure leaves the old output
    unchanged. Up-to-date output is kept unless ``force``. A run that was killed or stopped with Ctrl-C
    resumes after the partitions it wrote if the same data are prepared again with the same engine.
    ``engine`` (see ``workflows.engines.choice``), ``workers`` and ``scheduler``
    (``workflows.engines.cluster``) do not change the output. ``encoded_rows``: write the encoded
    interactions of all parts, even those that the recipe's training does not read. ``progress`` is called
    with the number of rows done and the total.

    Raises ``ShortlistError`` if the data cannot be prepared, the output cannot be written, or another
    process is preparing the same artifacts.
    """
    with_engine = chosen_engine(engine, workers, scheduler)
    made_from = _fingerprint(recipe, artifacts)
    parts = PARTS if encoded_rows else recipe.encoded_parts
    there = all(artifacts.prepared.interactions(part).exists() for part in parts)
    if not force and there and is_fresh(artifacts.prepared.stamp, made_from):
        log.info(f"{artifacts.prepared.root} is up to date")
        return

    from workflows.engines.cluster import computing
    from workflows.tables import read_tables

    preparing, output = artifacts.preparing, artifacts.preparing.output
    command = f"shortlist prepare {recipe.given_as}"
    with phase("reading the tables"):
        tables = read_tables(recipe, artifacts.raw)
    try:
        with (
            locked(artifacts.preparing_lock, command, lambda holder: _busy(artifacts, holder)),
            computing(workers, scheduler, gpu=with_engine == "cudf"),
            # engines' means differ in their last bits, so partitions of two engines must not mix
            unfinished(preparing.root, f"{made_from} {with_engine} {parts}", "preparation"),
        ):
            with phase("preparing"):
                _prepare(recipe, tables, artifacts.raw, preparing, with_engine, parts, progress)
            write_stamp(output.stamp, made_from)
            # removed first: after a kill from here on, the next run must not resume from these
            shutil.rmtree(preparing.written)
            with atomic_directory(artifacts.prepared.root) as folder:
                os.replace(output.root, folder)
    except OSError as error:
        raise ShortlistError(
            f"expected to write {artifacts.prepared.root}, got {error}. The previous output is "
            "unchanged. Free disk space, or set SHORTLIST_ARTIFACTS to another folder, and run "
            "`shortlist prepare` again."
        ) from error


def _busy(artifacts: Artifacts, holder: str) -> ShortlistError:
    return ShortlistError(
        f"expected no other process to prepare {artifacts.prepared.root}, got {holder}. Run this "
        "again when it has ended."
    )


def _fingerprint(recipe: Recipe, artifacts: Artifacts) -> str:
    """Fingerprint the bytes of the raw tables, the relevant tables of the recipe, and this code."""
    inputs = []
    for path in (artifacts.raw.interactions, artifacts.raw.users, artifacts.raw.items):
        need(path, "prepare", recipe.given_as)
        with path.open("rb") as file:
            inputs.append(hashlib.file_digest(file, "sha256").hexdigest())
    tables = {"columns", "interactions", "events", "vocabulary", "features", "split"}
    code = ["workflows", "features", "shims", "stages/arrow_types.py", "stages/columns.py"]
    code += [
        "runtime/features",
        "runtime/conditions.py",
        "runtime/condition_values.py",
        "runtime/lists.py",
        "runtime/safe_names.py",
    ]
    return fingerprint(recipe.model_dump(mode="json", include=tables), code, inputs)


def _prepare(
    recipe: Recipe,
    tables: "Tables",
    raw: Raw,
    preparing: Preparing,
    engine: Engine,
    encoded: Collection[str],
    progress: Progress,
) -> None:
    from workflows.compile_encoding import compile_encoding
    from workflows.derived import derive, write_derived
    from workflows.engines import nvtabular_engine as with_nvtabular
    from workflows.engines import polars_engine as with_polars
    from workflows.event_kinds import write_event_kinds
    from workflows.graph import FeatureGraph
    from workflows.log_remarks import log_remarks
    from workflows.partitions import (
        Written,
        arrow_table,
        encodable,
        in_partitions,
        with_raw_ids,
        write_partition,
    )
    from workflows.selection import PART, facts_of, select, with_parts, without_rare

    columns, prepared = recipe.columns, preparing.output
    prepared.root.mkdir(exist_ok=True)
    written = Written(preparing.written)
    if len(written):
        log.info(f"partitions already written: {len(written)}")
    rows = select(recipe, tables)
    if recipe.vocabulary.drop_rare:
        tables, rows = without_rare(recipe, tables, rows)
    log_remarks(recipe, tables, rows, raw)
    rows = with_parts(recipe, rows)
    facts_of(recipe, rows).write(prepared.facts)
    prepared.resolved_recipe.write_text(explained(recipe, prepared), encoding="utf-8")
    derived = derive(recipe, tables, rows)
    graph = FeatureGraph(recipe, prepared.workflow)
    folders = {code: prepared.raw_interactions(part) for code, part in enumerate(PARTS)}

    def partitions(without: Container[int]) -> Iterator[tuple[int, "pl.DataFrame"]]:
        numbered = in_partitions(rows, columns.user, columns.timestamp, without)
        with phase("encoding interactions", len(rows)) as encoding:
            for number, partition in numbered:
                raw = with_raw_ids(partition, tables, columns)
                raw_rows, parts = arrow_table(raw.drop(PART)), raw[PART].to_numpy()
                write_partition(raw_rows, parts, number, folders, columns.timestamp)
                if engine != "polars":  # polars looks targets up by row number
                    partition = raw.with_columns(derived.given(partition))
                yield number, encodable(columns, partition)
                encoding.done = int(partition[PLACE][-1]) + 1
                progress(encoding.done, len(rows))

    if engine == "polars":
        left = partitions(written)
        workflow = with_polars.encode(graph, derived, rows, left, prepared, written, encoded)
    else:
        workflow = with_nvtabular.encode(
            graph, derived.tables, partitions, preparing, written, encoded, gpu=engine == "cudf"
        )
    write_derived(graph, derived, prepared)
    write_event_kinds(recipe, tables.interactions, prepared.event_kinds)
    compile_encoding(graph, derived, prepared.encoding)
    workflow.save(prepared.workflow)
    log.info(f"encoded {len(tables.users):,} users and {len(tables.items):,} items")
