"""Batch recommendations: answer a file of users from a release, without a server.

Several processes answer the users in chunks. Each chunk becomes a file in ``<out>.parts``; at the end these
are joined into one. A run that was interrupted resumes with the missing chunks.
"""

import itertools
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ensemble.feature_store.choice import ChosenStore, explained, store_of
from ensemble.releases.records import RECORDS
from ensemble.releases.repository import latest_release
from ensemble.user_file import user_ids
from recipes.schema.recipe import Recipe
from runtime import manifest
from runtime.errors import ReleaseError, StoreError
from runtime.plan import Plan, load_verified
from runtime.stores.feature_store import BEFORE_VERSIONS
from stages.artifacts import Artifacts
from stages.atomic import atomic_file
from stages.errors import ShortlistError

#: Users per part file.
CHUNK = 10_000
SUFFIXES = (".jsonl", ".parquet")
ANSWERS = pa.schema(
    {
        "user_id": pa.string(),
        "known_user": pa.bool_(),
        "item_ids": pa.list_(pa.string()),
        "scores": pa.list_(pa.float32()),
    }
)


@dataclass(frozen=True)
class Job:
    """The settings that every process of a run receives."""

    release: Path
    store: ChosenStore
    parts: Path
    suffix: str
    top: int | None

    def part(self, number: int) -> Path:
        return self.parts / f"{number:08}{self.suffix}"


def recommend_all(
    recipe: Recipe,
    artifacts: Artifacts,
    users: Path,
    out: Path,
    top: int | None,
    workers: int,
    progress: Callable[[int], None],
) -> int:
    """Write the answers for ``users`` to ``out``, in the same order; returns the number of users.

    Args:
        users: text with one raw id per line, or Parquet with the recipe's user column (``columns.user``).
        out: ``.jsonl``: one object per line with user_id, known_user and recommendations (item_id, score); or
            ``.parquet``: user_id, known_user, item_ids, scores.
        top: items per user; by default the recipe's number.
        progress: called with the number of users answered since the last call.

    Raises:
        ShortlistError: the release or the feature store is missing or damaged, the file does not exist or
            holds no user, ``top`` exceeds the release's candidates, or ``out`` cannot be written.
    """
    if out.suffix not in SUFFIXES:
        raise ShortlistError(f"expected --out to end in {' or '.join(SUFFIXES)}, got {out.name}")
    if out.resolve() == users.resolve():
        raise ShortlistError(
            f"expected --users and --out to be different files, got {out} for both. "
            "Give the answers another name."
        )
    release = latest_release(artifacts)
    if release is None:
        raise ShortlistError(
            f"expected a release of '{recipe.name}', found none. "
            f"Run: shortlist export {recipe.given_as}"
        )
    job = Job(
        release, store_of(recipe, artifacts), out.with_name(f"{out.name}.parts"), out.suffix, top
    )
    try:
        with explained(recipe):
            question = _question(job, users, recipe.columns.user)
            _begin_or_resume(job.parts, question)
            for count in _answered(job, user_ids(users, recipe.columns.user), workers):
                progress(count)
            total = _join(job, out)
    except ReleaseError as error:
        raise ShortlistError(f"{error}. Run: shortlist export {recipe.given_as}") from error
    except BrokenProcessPool as error:
        raise ShortlistError(
            "expected every worker process to finish, got one killed from outside, possibly for "
            f"lack of memory. {_resumable(job)} Use fewer --workers."
        ) from error
    except OSError as error:
        raise ShortlistError(f"expected to write {out}, got: {error}. {_resumable(job)}") from error
    shutil.rmtree(job.parts, ignore_errors=True)
    return total


def _question(job: Job, users: Path, column: str) -> dict[str, Any]:
    """Everything that the answers depend on, as JSON values; checked before any work."""
    facts = manifest.verify(job.release)
    store = job.store.open(read_only=True)
    loaded = facts.get(RECORDS, BEFORE_VERSIONS) in store.versions() | {BEFORE_VERSIONS}
    store.close()
    if not loaded:
        raise StoreError(
            f"expected the users' records of release {job.release.name} in the feature store "
            f"{job.store}, found none"
        )
    if job.top is not None and job.top > facts["candidates"]:
        raise ShortlistError(
            f"expected --top of at most {facts['candidates']}, the release's number of candidates, "
            f"got {job.top}"
        )
    if next(user_ids(users, column), None) is None:
        raise ShortlistError(f"expected at least one raw user id in {users}, found none")
    status = users.stat()
    return {
        "users": [str(users.resolve()), status.st_size, status.st_mtime_ns],
        "release": [str(job.release.resolve()), facts.get("made_from")],
        "top": job.top,
        "chunk": CHUNK,
    }


def _begin_or_resume(parts: Path, question: dict[str, Any]) -> None:
    """Keep the parts of an earlier run for the same question; otherwise start over."""
    path = parts / "question.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) == question:
        return
    shutil.rmtree(parts, ignore_errors=True)
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(question), encoding="utf-8")


def _resumable(job: Job) -> str:
    return f"Finished parts are kept in {job.parts}: run the same command again to resume."


def _answered(job: Job, users: Iterable[str], workers: int) -> Iterator[int]:
    """Have the part of every chunk written; yields its number of users once it is complete."""
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin_process
    )
    users, under_way = iter(users), set[Future[int]]()
    try:
        for number in itertools.count():
            chunk = list(itertools.islice(users, CHUNK))
            if not chunk:
                break
            if job.part(number).exists():
                yield len(chunk)
                continue
            with _uninterrupted():
                under_way.add(pool.submit(_answer, job, number, chunk))
            # Read the file only as far ahead as keeps every process busy.
            if len(under_way) > workers:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        yield from (future.result() for future in as_completed(under_way))
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Block Ctrl-C until the end; a process started in the block never receives it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_process() -> None:
    """Exit when the parent does: if it is killed, nothing else stops this process."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@cache
def _plan(job: Job) -> Plan:
    """The release, loaded once per process."""
    return load_verified(job.release, job.store.open(read_only=True))


def _answer(job: Job, number: int, users: list[str]) -> int:
    """Write the part of one chunk; returns its number of users."""
    answers = _plan(job).recommend(users, top_k=job.top)
    if answers.degraded.any():
        raise StoreError(f"expected the feature store {job.store} to keep answering, got no answer")
    # If fewer items remain than requested, the tail is empty.
    counts = (answers.item_ids != "").sum(axis=1)
    columns = {
        "user_id": users,
        "known_user": answers.known_user,
        "item_ids": [row[:n] for row, n in zip(answers.item_ids, counts, strict=True)],
        "scores": [row[:n] for row, n in zip(answers.scores, counts, strict=True)],
    }
    table = pa.table(columns, schema=ANSWERS)
    with atomic_file(job.part(number)) as temporary:
        if job.suffix == ".jsonl":
            temporary.write_text("".join(map(_line, table.to_pylist())), encoding="utf-8")
        else:
            pq.write_table(table, temporary)
    return len(users)


def _line(row: dict[str, Any]) -> str:
    scored = zip(row.pop("item_ids"), row.pop("scores"), strict=True)
    row["recommendations"] = [{"item_id": item, "score": score} for item, score in scored]
    return json.dumps(row, ensure_ascii=False) + "\n"


def _join(job: Job, out: Path) -> int:
    """Join the parts into ``out``, which appears only when complete; returns its number of rows."""
    files = sorted(job.parts.glob(f"*{job.suffix}"))
    # In the folder of the parts: a half-written file is removed together with them.
    joined = job.parts / f"joined.{os.getpid()}"
    total = 0
    if job.suffix == ".jsonl":
        with joined.open("wb") as stream:
            for file in files:
                content = file.read_bytes()
                total += content.count(b"\n")
                stream.write(content)
    else:
        with pq.ParquetWriter(joined, ANSWERS) as writer:
            for file in files:
                table = pq.read_table(file)
                total += table.num_rows
                writer.write_table(table)
    os.replace(joined, out)
    return total
