"""Recommendations for a file of users out of a release, without a server.

Users are answered in chunks, by several processes; each chunk becomes a file in ``<out>.parts``, and in
the end these become one. A run that was broken off goes on with the chunks that are missing.
"""

import itertools
import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble.releases import latest_release
from ensemble.runtime import manifest
from recipes.artifacts import Artifacts
from recipes.atomic import atomic_file
from recipes.errors import ShortlistError
from recipes.recipe import Recipe

if TYPE_CHECKING:
    import pyarrow as pa

    from ensemble.runtime.plan import Plan

#: Users of a part file, and users that go through the plan at once.
CHUNK, AT_ONCE = 10_000, 256
SUFFIXES = (".jsonl", ".parquet")


@dataclass(frozen=True)
class Job:
    """What every process of a run is told."""

    release: Path
    store: Path
    parts: Path
    suffix: str
    top: int | None


def recommend_all(
    recipe: Recipe,
    artifacts: Artifacts,
    users: Path,
    out: Path,
    top: int | None,
    workers: int,
    progress: Callable[[int], None],
) -> int:
    """Write the answers for ``users`` to ``out``, in their order; returns how many there are.

    Args:
        users: text with a raw id a line, or Parquet with the recipe's user column (``columns.user``).
        out: ``.jsonl``: an object a line with user_id, known_user and recommendations (item_id, score); or
            ``.parquet``: user_id, known_user, item_ids, scores.
        top: answers per user; by default the recipe's.
        progress: is told how many users more are answered.

    Raises:
        ShortlistError: no release, no such file, no user in it, or ``out`` cannot be written.
    """
    if out.suffix not in SUFFIXES:
        raise ShortlistError(f"expected --out to end in {' or '.join(SUFFIXES)}, got {out.name}")
    if top is not None and top > recipe.serving.candidates:
        raise ShortlistError(
            f"expected --top of at most {recipe.serving.candidates}, the recipe's candidates; got {top}"
        )
    release = latest_release(artifacts)
    if release is None:
        raise ShortlistError(
            f"There is no release of '{recipe.name}' yet. Run: shortlist export {recipe.given_as}"
        )
    manifest.verify(release)
    if next(user_ids(users, recipe.columns.user), None) is None:
        raise ShortlistError(f"{users} holds no user. Expected a raw user id a line.")
    parts = out.with_name(f"{out.name}.parts")
    job = Job(release, artifacts.feature_store, parts, out.suffix, top)
    total = 0
    try:
        _begin_or_resume(job, users)
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            chunks = _missing(job, user_ids(users, recipe.columns.user), progress)
            for count in pool.imap(partial(_answer, job), chunks):
                progress(count)
        total = _join(parts, out)
    except OSError as error:
        raise ShortlistError(
            f"{out} could not be written: {error}. What is done lies in {parts}; the next run goes on there."
        ) from error
    shutil.rmtree(parts)
    return total


def user_ids(path: Path, column: str) -> Iterator[str]:
    """Raw user ids of a text file, blank lines left out, or of a Parquet file's column.

    Raises:
        ShortlistError: there is no such file, it is no text, or the Parquet file lacks the column.
    """
    if not path.is_file():
        raise ShortlistError(f"There is no file {path}. Expected a raw user id a line, or Parquet.")
    if path.suffix != ".parquet":
        try:
            with path.open(encoding="utf-8") as file:
                yield from (line.strip() for line in file if line.strip())
        except UnicodeDecodeError as error:
            raise ShortlistError(
                f"{path} is no text in UTF-8. Expected a raw user id a line; a Parquet file's name ends in "
                ".parquet."
            ) from error
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ShortlistError(f"{path} cannot be read as Parquet: {error}.") from error
    names = file.schema_arrow.names
    if column not in names:
        raise ShortlistError(
            f"{path} has no column '{column}', the recipe's columns.user. It has: {', '.join(names)}."
        )
    for batch in file.iter_batches(columns=[column]):
        yield from (str(each) for each in batch.column(0).to_pylist() if each is not None)


def _begin_or_resume(job: Job, users: Path) -> None:
    """Keep the parts of an earlier run of the very same question; begin anew after any other."""
    status = users.stat()
    asked = {
        "users": [str(users.resolve()), status.st_size, status.st_mtime_ns],
        "release": [str(job.release.resolve()), manifest.read(job.release)["source"]],
        "top": job.top,
    }
    question = job.parts / "question.json"
    if question.exists() and json.loads(question.read_text(encoding="utf-8")) == asked:
        return
    shutil.rmtree(job.parts, ignore_errors=True)
    job.parts.mkdir(parents=True)
    with atomic_file(question) as temporary:
        temporary.write_text(json.dumps(asked), encoding="utf-8")


def _missing(
    job: Job, users: Iterable[str], progress: Callable[[int], None]
) -> Iterator[tuple[int, list[str]]]:
    """Number and users of every chunk that has no part file yet."""
    users = iter(users)
    for number in itertools.count():
        chunk = list(itertools.islice(users, CHUNK))
        if not chunk:
            return
        if _part(job, number).exists():
            progress(len(chunk))
        else:
            yield number, chunk


def _part(job: Job, number: int) -> Path:
    return job.parts / f"{number:08}{job.suffix}"


_PLAN: "Plan | None" = None


def _answer(job: Job, chunk: tuple[int, list[str]]) -> int:
    """Write the part of one chunk, in a process that has loaded the release once."""
    global _PLAN
    if _PLAN is None:
        from ensemble.runtime.plan import load_verified
        from ensemble.runtime.sqlite_store import SqliteFeatureStore

        _PLAN = load_verified(job.release, SqliteFeatureStore(job.store, read_only=True))
    number, users = chunk
    rows = []
    for start in range(0, len(users), AT_ONCE):
        asked = users[start : start + AT_ONCE]
        answers = _PLAN.recommend(asked, job.top)
        for user, known, items, scores in zip(
            asked,
            answers.known_user.tolist(),
            answers.item_ids.tolist(),
            answers.scores.tolist(),
            strict=True,
        ):
            # Where fewer items remain than were asked for, the tail is empty.
            count = len([item for item in items if item])
            rows.append((user, known, items[:count], scores[:count]))
    with atomic_file(_part(job, number)) as temporary:
        if job.suffix == ".jsonl":
            temporary.write_text("".join(map(_line, rows)), encoding="utf-8")
        else:
            import pyarrow.parquet as pq

            pq.write_table(_table(rows), temporary)
    return len(users)


def _line(row: tuple[str, bool, list[str], list[float]]) -> str:
    user, known, items, scores = row
    content: dict[str, Any] = {"user_id": user, "known_user": known}
    content["recommendations"] = [
        {"item_id": item, "score": score} for item, score in zip(items, scores, strict=True)
    ]
    return json.dumps(content, ensure_ascii=False) + "\n"


def _table(rows: list[tuple[str, bool, list[str], list[float]]]) -> "pa.Table":
    import pyarrow as pa

    users, known, items, scores = zip(*rows, strict=True)
    return pa.table(
        {
            "user_id": pa.array(users, pa.string()),
            "known_user": pa.array(known, pa.bool_()),
            "item_ids": pa.array(items, pa.list_(pa.string())),
            "scores": pa.array(scores, pa.list_(pa.float32())),
        }
    )


def _join(parts: Path, out: Path) -> int:
    """The parts one after the other as ``out``, which appears when it is complete; returns its rows."""
    files = sorted(parts.glob(f"*{out.suffix}"))
    total = 0
    with atomic_file(out) as temporary:
        if out.suffix == ".jsonl":
            with temporary.open("wb") as joined:
                for file in files:
                    content = file.read_bytes()
                    total += content.count(b"\n")
                    joined.write(content)
            return total
        import pyarrow.parquet as pq

        with pq.ParquetWriter(temporary, pq.read_schema(files[0])) as writer:
            for file in files:
                table = pq.read_table(file)
                total += table.num_rows
                writer.write_table(table)
    return total
