"""Source ``listenbrainz``: who listened to which song, from a ListenBrainz dump.

JSON lines, one listen each, as in the dumps at data.metabrainz.org/pub/musicbrainz/listenbrainz
(CC0): files ``*.listens`` in a ``.tar.zst``, formerly ``.tar.xz``. Accepts such an archive; one file
``.listens``, ``.jsonl`` or ``.json``; and a folder of any of them. Archives and files may be plain or
compressed as ``.gz``, ``.bz2``, ``.xz`` or ``.zst``; nothing is unpacked to disk. Reads line by line,
and keeps only one count per user and song.

Tables:
    interactions: user_id string, item_id string, plays int64, weight float64,
        last_listened int64 (seconds)
    users: user_id string
    items: item_id string, track string, artist string, title string

The names of its artist and track, in lower case, identify a song: recordings have many identifiers.
``weight`` is that of ``lastfm-2k``.
"""

import io
import json
import lzma
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from recipes.schema.recipe import Recipe
from sources.datasets.lastfm import play_weight
from sources.tables import RawTable, RawTables
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

ADDRESS = "https://data.metabrainz.org/pub/musicbrainz/listenbrainz"
#: The files that are read from a folder or an archive.
_FILE = re.compile(r".*\.(tar|listens|jsonl?)(\.(gz|bz2|xz|zst))?")
_LISTEN = (
    "a JSON object with user_name or user_id, timestamp or listened_at, and track_metadata with "
    "artist_name and track_name"
)


def read(recipe: Recipe, data_dir: Path | None) -> RawTables:
    """Read the three tables.

    Raises:
        ShortlistError: the file is missing, empty or damaged, or a line is not a listen.
    """
    assert recipe.source.interactions is not None  # the recipe schema checks this
    path = Path(recipe.source.interactions)
    log.info(f"reading listens from {path}")
    pairs: dict[tuple[str, str], list[int]] = {}  # plays, and the time of the last play
    songs: dict[str, tuple[str, str]] = {}
    for user, artist, track, time in _listens(path):
        song = f"{artist} - {track}".lower()
        songs.setdefault(song, (track, artist))
        pair = pairs.setdefault((user, song), [0, time])
        pair[0] += 1
        pair[1] = max(pair[1], time)
    if not pairs:
        raise ShortlistError(
            f"expected listens, {_LISTEN} per line, in {path}, found none. Download a dump from "
            f"{ADDRESS}."
        )
    users, items = zip(*pairs, strict=True)
    plays, last = zip(*pairs.values(), strict=True)
    counts = pa.chunked_array([pa.array(plays, pa.int64())])
    interactions = {
        "user_id": pa.array(users, pa.string()),
        "item_id": pa.array(items, pa.string()),
        "plays": counts,
        "weight": play_weight(counts),
        "last_listened": pa.array(last, pa.int64()),
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
    """What the tables depend on: path, size and time of change of every file of the dump."""
    files = _files(Path(recipe.source.interactions or ""))
    return [
        f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files if file.exists()
    ]


def _files(path: Path) -> list[Path]:
    """That file, or those in that folder."""
    if not path.is_dir():
        return [path]
    inside = (file for file in path.rglob("*") if _FILE.fullmatch(file.name))
    return sorted(file for file in inside if file.is_file())


def _listens(path: Path) -> Iterator[tuple[str, str, str, int]]:
    """Yield user, artist, track and time of every listen."""
    if not path.exists():
        raise ShortlistError(
            f"expected a dump at {path}, which the recipe names as source.interactions, found none. "
            f"Download one from {ADDRESS}."
        )
    for file in _files(path):
        where, number = str(file), 0
        try:
            for where, lines in _members(file):
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield _listen(line, f"{where}:{number}")
        except (OSError, EOFError, lzma.LZMAError, tarfile.TarError) as error:
            raise ShortlistError(
                f"expected a complete file at {where}, got an error after line {number}: {error}. It "
                f"is damaged or cut off. Download it again from {ADDRESS}."
            ) from error


def _members(file: Path) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yield name, for messages, and lines of ``file``, or of every file of listens in the archive."""
    with _unpacked(file) as content:
        if ".tar" not in file.suffixes[-2:]:
            yield str(file), content
            return
        with tarfile.open(fileobj=content, mode="r|") as archive:
            for member in archive:
                lines = archive.extractfile(member)
                if lines is not None and _FILE.fullmatch(member.name):
                    yield f"{file}({member.name})", lines
            # tarfile takes a missing or damaged header for the end, which is two blocks of zeros.
            if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("the end of the archive is missing")


def _unpacked(file: Path) -> IO[bytes]:
    """The decompressed bytes; pyarrow decompresses .gz, .bz2 and .zst, but not .xz."""
    return (
        lzma.open(file) if file.suffix == ".xz" else io.BufferedReader(pa.input_stream(str(file)))
    )


def _listen(line: bytes, where: str) -> tuple[str, str, str, int]:
    try:
        content: dict[str, Any] = json.loads(line)
        song = content["track_metadata"]
        user = content.get("user_name") or str(int(content["user_id"]))
        time = content["timestamp"] if "timestamp" in content else content["listened_at"]
        names = (user, song["artist_name"], song["track_name"])
        # Rejects a null, and a lone surrogate, which JSON can escape but no table can store.
        "".join(names).encode()
        return *names, int(time)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise ShortlistError(
            f"expected {_LISTEN} at {where}, got {type(error).__name__}: {error}. See {ADDRESS}."
        ) from error
