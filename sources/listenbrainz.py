"""Source ``listenbrainz``: who listened to which song, of a ListenBrainz dump.

JSON lines, one listen each, as the dumps at data.metabrainz.org/pub/musicbrainz/listenbrainz hold them
(CC0): plain, ``.gz``, or a ``.tar``/``.tar.gz`` of files ``*.listens``; or a folder of such files. A
``.tar.zst`` is unpacked first (``tar --zstd -xf``). Read line by line: what is kept is one count a user
and song.

Tables:
    interactions: user_id string, item_id string, plays int64, weight float64, last_listened int64 (seconds)
    users: user_id string
    items: item_id string, track string, artist string, title string

A song is known by its artist's and its own name, in lower case: recordings have many identifiers.
``weight`` as for ``lastfm-2k``.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from recipes.errors import ShortlistError
from recipes.recipe import Recipe
from sources.lastfm import play_weight
from sources.tables import RawTable, RawTables

ADDRESS = "https://data.metabrainz.org/pub/musicbrainz/listenbrainz"
_EXPECTED = (
    "Expected a JSON object a line with user_name or user_id, timestamp or listened_at, and "
    "track_metadata with artist_name and track_name"
)


def read(recipe: Recipe, data_dir: Path | None, say: Callable[[str], None]) -> RawTables:
    """The three tables.

    Raises:
        ShortlistError: there is no such file, it is empty or damaged, or a line is no listen.
    """
    assert recipe.source.interactions is not None  # the recipe was checked
    path = Path(recipe.source.interactions)
    say(f"reading listens of {path}")
    plays: dict[tuple[str, str], int] = {}
    last: dict[tuple[str, str], int] = {}
    songs: dict[str, tuple[str, str]] = {}
    for user, artist, track, time in _listens(path):
        song = f"{artist} - {track}".lower()
        songs.setdefault(song, (track, artist))
        pair = (user, song)
        plays[pair] = plays.get(pair, 0) + 1
        last[pair] = max(last.get(pair, 0), time)
    if not plays:
        raise ShortlistError(f"{path} holds no listen. {_EXPECTED}; fetch one from {ADDRESS}.")
    users, items = zip(*plays, strict=True)
    counts = pa.chunked_array([pa.array(plays.values(), pa.int64())])
    interactions = {
        "user_id": pa.array(users, pa.string()),
        "item_id": pa.array(items, pa.string()),
        "plays": counts,
        "weight": play_weight(counts),
        "last_listened": pa.array(last.values(), pa.int64()),
    }
    tracks, artists = zip(*songs.values(), strict=True)
    titles = [f"{artist} - {track}" for track, artist in songs.values()]
    names = {"item_id": list(songs), "track": tracks, "artist": artists, "title": titles}
    everybody = pa.table({"user_id": pa.array(dict.fromkeys(users), pa.string())})
    return RawTables(
        RawTable("interactions", str(path), pa.table(interactions)),
        RawTable("users", str(path), everybody),
        RawTable("items", str(path), pa.table(names)),
    )


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on: path, size and time of change of the dump."""
    path = Path(recipe.source.interactions or "")
    if not path.exists():
        return [str(path)]
    return [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}"]


def _listens(path: Path) -> Iterator[tuple[str, str, str, int]]:
    """User, artist, track and time of every listen."""
    if not path.exists():
        raise ShortlistError(
            f"There is no {path}, which the recipe names as source.interactions. Fetch a dump from {ADDRESS}."
        )
    for where, file in _files(path):
        number = 0
        try:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _listen(line, f"{where}:{number}")
        except (EOFError, OSError, UnicodeDecodeError, tarfile.TarError) as error:
            raise ShortlistError(
                f"{where} breaks off after line {number} ({error}): it is damaged or cut off. Fetch it again "
                f"from {ADDRESS}."
            ) from error


def _files(path: Path) -> Iterator[tuple[str, Iterator[str]]]:
    """Every file of listens, as text, and its name for messages."""
    if path.is_dir():
        inside = sorted(
            each for each in path.rglob("*") if each.suffix in (".listens", ".jsonl", ".gz")
        )
        for each in inside:
            yield from _files(each)
    elif path.name.endswith((".tar", ".tar.gz", ".tgz")):
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    content = archive.extractfile(member)
                    if content is not None and member.name.endswith(".listens"):
                        yield f"{path}({member.name})", io.TextIOWrapper(content, "utf-8")
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ShortlistError(
                f"{path} is no complete tar file ({error}). Fetch it again from {ADDRESS}."
            ) from error
    elif path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield str(path), file
    else:
        with path.open(encoding="utf-8") as file:
            yield str(path), file


def _listen(line: str, where: str) -> tuple[str, str, str, int]:
    try:
        content: dict[str, Any] = json.loads(line)
        song = content["track_metadata"]
        user = content.get("user_name") or content["user_id"]
        time = content["timestamp"] if "timestamp" in content else content["listened_at"]
        return str(user), str(song["artist_name"]), str(song["track_name"]), int(time)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ShortlistError(
            f"{where} is no listen ({type(error).__name__}: {error}). {_EXPECTED}; see {ADDRESS}."
        ) from error
