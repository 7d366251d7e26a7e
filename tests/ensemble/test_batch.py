"""Recommendations for a file of users: the answers, their files, and valid user files."""

import json
import multiprocessing
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble import batch
from ensemble.batch import recommend_all
from ensemble.user_file import user_ids
from runtime.plan import Plan
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.synthetic import RECIPE, USERS

#: Unordered, one of them twice, some unknown; the third one has seen nearly everything.
ASKED = ["7", "1", str(USERS), "nobody", "2", "7", "日本", "3"]
UNKNOWN = {"nobody", "日本"}


def recommend(
    artifacts: Artifacts, users: Path, out: Path, top: int | None = None, workers: int = 1
) -> int:
    counts: list[int] = []
    total = recommend_all(RECIPE, artifacts, users, out, top, workers, counts.append)
    assert sum(counts) == total
    return total


def written(path: Path, users: list[str]) -> Path:
    path.write_text("".join(f"{user}\n" for user in users), encoding="utf-8")
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three users per part file."""
    monkeypatch.setattr(batch, "CHUNK", 3)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("top", [None, 10])
def test_every_user_gets_what_the_server_would_answer(
    artifacts: Artifacts, served: Plan, tmp_path: Path, top: int | None
) -> None:
    """In the order of the file and bit for bit, in any chunk and process; no other file is left."""
    users, out = written(tmp_path / "users.txt", ASKED), tmp_path / "new" / "out.jsonl"
    assert recommend(artifacts, users, out, top, workers=2) == len(ASKED)
    found = lines(out)
    assert [line["user_id"] for line in found] == ASKED
    for line in found:
        answer = served.recommend([line["user_id"]], top_k=top)
        pairs = zip(answer.item_ids[0].tolist(), answer.scores[0].tolist(), strict=True)
        expected = [{"item_id": item, "score": score} for item, score in pairs if item]
        assert line["recommendations"] == expected
        assert line["known_user"] == (line["user_id"] not in UNKNOWN)
    counts = [len(line["recommendations"]) for line in found]
    wanted = top or RECIPE.serving.top_k
    assert counts == [wanted, wanted, 3, *[wanted] * 5]
    assert [path.name for path in out.parent.iterdir()] == ["out.jsonl"]


@pytest.mark.usefixtures("small_chunks")
def test_both_formats_hold_the_same(artifacts: Artifacts, tmp_path: Path) -> None:
    """Users in Parquet give answers in Parquet, the same as text gives in JSON lines."""
    text, table = written(tmp_path / "users.txt", ASKED), tmp_path / "users.parquet"
    pq.write_table(pa.table({"row": range(len(ASKED)), "user_id": ASKED}), table)
    recommend(artifacts, text, tmp_path / "out.jsonl", 10)
    assert recommend(artifacts, table, tmp_path / "out.parquet", 10) == len(ASKED)
    answers = pq.read_table(tmp_path / "out.parquet")
    assert answers.schema.equals(batch.ANSWERS)
    assert lines(tmp_path / "out.jsonl") == [
        {
            "user_id": row["user_id"],
            "known_user": row["known_user"],
            "recommendations": [
                {"item_id": item, "score": score}
                for item, score in zip(row["item_ids"], row["scores"], strict=True)
            ],
        }
        for row in answers.to_pylist()
    ]


def test_the_user_file_is_not_read_far_ahead(
    artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many users there are, memory holds one chunk per process and one more."""
    monkeypatch.setattr(batch, "CHUNK", 4)
    read = answered = furthest = 0

    def counted(path: Path, column: str) -> Iterator[str]:
        nonlocal read
        read = 0
        for user in user_ids(path, column):
            read += 1
            yield user

    def progress(count: int) -> None:
        nonlocal answered, furthest
        furthest = max(furthest, read - answered)
        answered += count

    monkeypatch.setattr(batch, "user_ids", counted)
    users = written(tmp_path / "users.txt", ["1"] * 200)
    recommend_all(RECIPE, artifacts, users, tmp_path / "out.jsonl", None, 1, progress)
    assert answered == 200
    assert furthest == 8


@pytest.mark.parametrize(
    "content",
    [b"1\nu 2\n\n  \n3", b"1\r\nu 2\r\n3\r\n", b"\xef\xbb\xbf1\n\t u 2 \n3\n\n"],
    ids=["blank lines", "Windows", "byte order mark"],
)
def test_text_files_of_any_editor_are_read(tmp_path: Path, content: bytes) -> None:
    """One id per line, stripped."""
    path = tmp_path / "users.txt"
    path.write_bytes(content)
    assert list(user_ids(path, "user_id")) == ["1", "u 2", "3"]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, None, 22, 1]),
        pa.array([1, None, 22, 1], pa.uint8()),
        pa.array(["1", None, "22", "1"]),
        pa.array(["1", "", "22", "1"], pa.large_string()),
        pa.array(["1", None, "22", "1"]).dictionary_encode(),
    ],
    ids=["int64", "uint8", "string", "large_string", "dictionary"],
)
def test_parquet_ids_are_whole_numbers_or_text(tmp_path: Path, column: pa.Array) -> None:
    """Nulls and empty strings are skipped."""
    pq.write_table(pa.table({"customer": column}), tmp_path / "users.parquet")
    assert list(user_ids(tmp_path / "users.parquet", "customer")) == ["1", "22", "1"]


def _damaged_parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"user_id": range(1000)}), sink, row_group_size=500)
    content = bytearray(sink.getvalue().to_pybytes())
    content[4:1000] = b"\xff" * 996
    return bytes(content)


def _parquet(**columns: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (
            "users.txt",
            None,
            "expected a file at .*users.txt, found none. Give text with one raw user id",
        ),
        ("users.txt", b"", "at least one raw user id in .*users.txt, found none"),
        ("users.txt", b"\n \n", "at least one raw user id in .*users.txt, found none"),
        ("users.txt", b"1\n\xff\n", "users.txt to be UTF-8 text with one raw user id"),
        (
            "users.txt",
            b"1\n" * 9_000 + b"\xff\n",
            "users.txt to be UTF-8 text with one raw user id",
        ),
        ("users.txt", _parquet(user_id=["ü"]), "Parquet, let its name end in .parquet"),
        ("users.parquet", b"1\n2\n", "users.parquet to be readable as Parquet"),
        ("users.parquet", _parquet(user_id=[1])[:-9], "users.parquet to be readable as Parquet"),
        ("users.parquet", _damaged_parquet(), "expected .*users.parquet.*, got: "),
        ("users.parquet", _parquet(user=[1], n=[2]), "the column 'user_id', .* got: user, n"),
        ("users.parquet", _parquet(user_id=[1.0]), "to be an integer or a string, got double"),
        (
            "users.parquet",
            _parquet(user_id=pa.array([], pa.int64())),
            "at least one raw user id in .*, found none",
        ),
        ("out.jsonl", b"1\n", "--users and --out to be different files, got .*out.jsonl for both"),
    ],
)
def test_an_unusable_user_file_is_explained(
    artifacts: Artifacts,
    release: Path,
    tmp_path: Path,
    name: str,
    content: bytes | None,
    complaint: str,
) -> None:
    """The error names what was expected; no answers appear, and the file is unchanged."""
    users, out = tmp_path / name, tmp_path / "out.jsonl"
    if content is not None:
        users.write_bytes(content)
    with pytest.raises(ShortlistError, match=complaint):
        recommend(artifacts, users, out)
    assert users == out or not out.exists()
    assert (users.read_bytes() if users.exists() else None) == content


@pytest.mark.parametrize(
    ("out", "top", "complaint"),
    [
        ("out.csv", None, "--out to end in .jsonl or .parquet, got out.csv"),
        ("out", None, "--out to end in .jsonl or .parquet, got out"),
        ("out.jsonl", 51, "--top of at most 50, the release's number of candidates, got 51"),
    ],
)
def test_what_cannot_be_answered_is_refused_before_any_work(
    artifacts: Artifacts, release: Path, tmp_path: Path, out: str, top: int | None, complaint: str
) -> None:
    """Nothing is written."""
    users = written(tmp_path / "users.txt", ["1"])
    with pytest.raises(ShortlistError, match=complaint):
        recommend(artifacts, users, tmp_path / out, top)
    assert [path.name for path in tmp_path.iterdir()] == ["users.txt"]


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (lambda made: shutil.rmtree(made.model_repository), "a release of 'made-up', found none"),
        (lambda made: made.feature_store.unlink(), "a feature store at .*, found none"),
        (
            lambda made: made.feature_store.write_bytes(b"notes" * 999),
            "to open the feature store .*, got: ",
        ),
        *(
            (lambda made, name=name: _flip(made.model_repository / "recommender/1" / name), name)
            for name in ("ranker.onnx", "index.faiss", "plan.json", "manifest.json")
        ),
        (
            lambda made: (made.model_repository / "recommender/1/query_tower.onnx").unlink(),
            "readable file at .*query_tower.onnx, got: No such file",
        ),
    ],
)
def test_an_incomplete_or_damaged_release_is_refused(
    artifacts: Artifacts, release: Path, tmp_path: Path, harm: Any, complaint: str
) -> None:
    """A file that is missing or damaged by one byte is named, with the command that makes it again."""
    made = Artifacts(Path(shutil.copytree(artifacts.root, tmp_path / "made-up")))
    harm(made)
    users = written(tmp_path / "users.txt", ["1"])
    with pytest.raises(ShortlistError, match=rf"{complaint}.*shortlist export made-up"):
        recommend(made, users, tmp_path / "out.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made-up", "users.txt"]


@pytest.mark.usefixtures("small_chunks")
def test_a_store_that_goes_away_midway_stops_the_run(
    artifacts: Artifacts, release: Path, tmp_path: Path
) -> None:
    """Known users are not answered as unknown ones; finished parts stay."""
    made = Artifacts(Path(shutil.copytree(artifacts.root, tmp_path / "made-up")))
    users, out = written(tmp_path / "users.txt", ["1"] * 90), tmp_path / "out.jsonl"

    def take_away(count: int) -> None:
        made.feature_store.unlink(missing_ok=True)

    with pytest.raises(ShortlistError, match=r"feature_store\.sqlite to keep answering"):
        recommend_all(RECIPE, made, users, out, None, 1, take_away)
    assert not out.exists()
    done = [line for part in out.with_name("out.jsonl.parts").glob("0*") for line in lines(part)]
    assert done
    assert all(line["known_user"] for line in done)


@pytest.mark.usefixtures("small_chunks")
def test_a_killed_worker_process_does_not_hang_the_run(
    artifacts: Artifacts, release: Path, tmp_path: Path
) -> None:
    """As the system does when memory runs out: the run reports it, and finished parts stay."""
    users = written(tmp_path / "users.txt", ["1"] * 90)

    def end_the_worker(count: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(ShortlistError, match=r"killed from outside.* fewer --workers"):
        recommend_all(RECIPE, artifacts, users, tmp_path / "out.jsonl", None, 1, end_the_worker)
    assert (tmp_path / "out.jsonl.parts" / "00000000.jsonl").exists()
    assert not (tmp_path / "out.jsonl").exists()
