"""Raw tables -> encoded train, valid and test rows, users and items, and the compiled encoding."""

import hashlib
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from recipes.artifacts import PARTS, Artifacts, Prepared
from recipes.atomic import atomic_directory
from recipes.data import PLACE, POSITIVE
from recipes.errors import ShortlistError
from recipes.freshness import fingerprint, is_fresh, write_stamp
from recipes.inputs import need
from recipes.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd

    from workflows.tables import Tables

Say = Callable[[str], None]


def prepare(
    recipe: Recipe,
    artifacts: Artifacts,
    *,
    force: bool,
    workers: int = 1,
    scheduler: str | None = None,
    say: Say,
) -> None:
    """Read ``artifacts.raw``, write ``artifacts.prepared`` (``recipes.artifacts`` names the files).

    The new output takes the old one's place at the very end: whatever goes wrong before leaves the
    old one as it was. Output that is up to date is kept unless ``force``.
    ``workers`` and ``scheduler`` (see ``workflows.cluster.computing``) do not change the output.

    Raises ``ShortlistError`` for data that cannot be prepared, and where it cannot be written.
    """
    made_from = _fingerprint(recipe, artifacts)
    if not force and is_fresh(artifacts.prepared.stamp, made_from):
        say(f"{artifacts.prepared.root} is up to date")
        return

    from workflows.cluster import computing
    from workflows.tables import read_tables

    tables = read_tables(recipe, artifacts.raw)
    try:
        with (
            computing(workers, scheduler),
            atomic_directory(artifacts.prepared.root) as folder,
        ):
            _prepare(recipe, tables, Prepared(folder), say)
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
    runtime = [f"ensemble/runtime/{name}.py" for name in ("codes", "encoding", "words")]
    code = ["workflows", *runtime]
    return fingerprint(recipe.model_dump(mode="json", include=tables), code, inputs)


def _prepare(recipe: Recipe, tables: "Tables", prepared: Prepared, say: Say) -> None:
    from workflows.encoding import compile_encoding
    from workflows.graph import FeatureGraph, join_workflow
    from workflows.partitions import as_datasets, in_partitions, write_parts
    from workflows.sides import write_side

    columns = recipe.columns
    interactions = select(recipe, tables.interactions, say)
    if recipe.vocabulary.drop_rare:
        interactions = without_rare(recipe, interactions, say)
        tables = tables.of(columns, interactions)
    frames = in_partitions(_with_parts(recipe, interactions, say), columns.user, columns.timestamp)
    _write_raw(recipe, frames, prepared)

    scratch = prepared.root / "scratch"
    rows, training = as_datasets([_encodable(recipe, frame) for frame in frames], scratch)
    join = join_workflow(recipe, tables, list(frames[0].columns))
    graph = FeatureGraph(recipe, prepared.workflow)
    workflow = graph.rows()
    workflow.fit(join.transform(training))
    encoded = workflow.transform(join.transform(rows))
    write_parts(encoded, {part: prepared.interactions(part) for part in PARTS})
    shutil.rmtree(scratch)

    write_side(graph.users(), tables.users, columns.user, tables.kinds, prepared.users)
    write_side(graph.items(), tables.items, columns.item, tables.kinds, prepared.items)
    compile_encoding(graph, tables.kinds, prepared.encoding)
    workflow.save(prepared.workflow)
    say(f"encoded {len(tables.users):,} users and {len(tables.items):,} items")


def select(recipe: Recipe, interactions: "pd.DataFrame", say: Say) -> "pd.DataFrame":
    """The interactions that count, in table order: the filter holds, each (user, item) pair once.

    Of several interactions of a pair the latest is kept; of equally late ones the table's last. With
    ``interactions.repeats`` all are kept.
    """
    from workflows.conditions import Condition
    from workflows.graph import filter_interactions

    columns = recipe.columns
    condition = recipe.interactions.filter
    chosen = interactions
    if condition is not None:
        names = list(interactions.columns)
        chosen = filter_interactions(
            Condition("interactions.filter", condition, names), interactions
        )
        say(f"filter `{condition}` keeps {len(chosen):,} of {len(interactions):,} interactions")
    if not len(chosen):
        reason = "the interactions table is empty. Give it rows."
        if condition is not None and len(interactions):
            reason = f"interactions.filter `{condition}` holds for none of them. Loosen it."
        raise ShortlistError(f"0 of {len(interactions):,} interactions are left: {reason}")
    if recipe.interactions.repeats:
        return chosen
    by_time = chosen
    if columns.timestamp is not None:
        by_time = chosen.sort_values(columns.timestamp, kind="stable")
    repeated = by_time.duplicated([columns.user, columns.item], keep="last").sort_index()
    if repeated.any():
        say(
            f"{int(repeated.sum()):,} repeated interactions of a user with an item: kept the latest"
        )
        chosen = chosen[~repeated].reset_index(drop=True)
    return chosen


def without_rare(recipe: Recipe, interactions: "pd.DataFrame", say: Say) -> "pd.DataFrame":
    """The interactions whose user and whose item both occur often enough in ``interactions``."""
    columns, vocabulary = recipe.columns, recipe.vocabulary
    kept = interactions
    for column, least in (
        (columns.user, vocabulary.user_frequency_threshold),
        (columns.item, vocabulary.item_frequency_threshold),
    ):
        counts = interactions[column].map(interactions[column].value_counts())
        kept = kept[counts[kept.index] >= least]
    if not len(kept):
        raise ShortlistError(
            f"0 of {len(interactions):,} interactions are left: vocabulary.drop_rare leaves out "
            "every one of them. Lower the frequency thresholds."
        )
    say(
        f"without rare users and items: {len(kept):,} of {len(interactions):,} interactions, "
        f"{kept[columns.user].nunique():,} users, {kept[columns.item].nunique():,} items"
    )
    return kept.reset_index(drop=True)


def _with_parts(recipe: Recipe, interactions: "pd.DataFrame", say: Say) -> "pd.DataFrame":
    """The recipe's columns of the interactions, which are positive, and the part of each row."""
    from workflows.conditions import Condition
    from workflows.graph import PART
    from workflows.splits import split_interactions

    columns = recipe.columns
    parts = split_interactions(interactions, columns, recipe.split)
    counts = [f"{int((parts == code).sum()):,} {name}" for code, name in enumerate(PARTS)]
    say(f"{recipe.split.kind} split: {', '.join(counts)} interactions")
    names = [columns.user, columns.item, columns.timestamp, columns.label, columns.weight]
    chosen = interactions[[name for name in names if name is not None]]
    positive = np.ones(len(chosen), bool)
    if (condition := recipe.interactions.positive) is not None:
        known = list(interactions.columns)
        positive = Condition("interactions.positive", condition, known)(interactions).to_numpy()
        say(f"`{condition}` holds for {int(positive.sum()):,} of them: the positives")
        _require_positives(condition, parts, positive)
    return chosen.assign(**{POSITIVE: positive, PART: parts})


def _require_positives(condition: str, parts: np.ndarray, positive: np.ndarray) -> None:
    from workflows.splits import TRAIN, VALID

    for code in (TRAIN, VALID):
        if not positive[parts == code].any():
            raise ShortlistError(
                f"the {PARTS[code]} part has no positive: interactions.positive `{condition}` holds "
                f"for none of its {int((parts == code).sum()):,} interactions. Loosen it."
            )


def _encodable(recipe: Recipe, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Times as integer seconds (UTC), numbers as float32: what models and data loaders take."""
    import pandas as pd

    columns = recipe.columns
    timestamp = columns.timestamp
    if timestamp is not None and pd.api.types.is_datetime64_any_dtype(frame[timestamp]):
        times = pd.to_datetime(frame[timestamp], utc=True).dt.tz_localize(None)
        frame = frame.assign(**{timestamp: times.astype("datetime64[s]").astype("int64")})
    numbers = [name for name in (columns.label, columns.weight, POSITIVE) if name is not None]
    return frame.astype(dict.fromkeys(numbers, "float32"))


def _write_raw(recipe: Recipe, frames: list["pd.DataFrame"], prepared: Prepared) -> None:
    """The parted interactions as they came, in the row order of the encoded ones, numbered."""
    import pandas as pd

    from workflows.graph import PART

    every = pd.concat(frames, ignore_index=True)
    every[PLACE] = np.arange(len(every))
    for code, part in enumerate(PARTS):
        path = prepared.raw_interactions(part)
        path.parent.mkdir(exist_ok=True)
        rows = every[every[PART] == code].drop(columns=PART)
        rows.to_parquet(path, index=False)
