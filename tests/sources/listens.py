"""Synthetic listens in the form of a ListenBrainz dump, and a recipe for them."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa

from recipes.load import load
from recipes.schema.recipe import Recipe

RECIPE = """
name = "listens"
[source]
kind = "listenbrainz"
interactions = "NAME"
[columns]
user = "user_id"
item = "item_id"
timestamp = "last_listened"
label = "plays"
weight = "weight"
title = "title"
[split]
kind = "temporal"
"""


def listen(user: str, time: int, artist: str, track: str) -> dict[str, Any]:
    """A listen in the form of the dumps."""
    about = {"artist_name": artist, "track_name": track, "additional_info": {"tags": []}}
    return {"user_id": len(user), "user_name": user, "timestamp": time, "track_metadata": about}


def lines(*listens: dict[str, Any]) -> bytes:
    return "".join(f"{json.dumps(each, ensure_ascii=False)}\n" for each in listens).encode()


#: Two months; the song about the lake is spelt in two ways.
MARCH = lines(
    listen("zoë", 300, "The Ducks", "On the Lake"),
    listen("bob", 100, "Café Robots", "Bolts"),
    listen("zoë", 200, "the ducks", "On The Lake"),
)
APRIL = lines(listen("bob", 400, "The Ducks", "On the Lake"))


def recipe(folder: Path, name: str) -> Recipe:
    """A recipe in ``folder`` whose dump is called ``name``."""
    folder.mkdir(exist_ok=True)
    (folder / "listens.toml").write_text(RECIPE.replace("NAME", name))
    return load(str(folder / "listens.toml"))


def archive(ending: str = ".listens") -> bytes:
    """Both months, named as in an official archive, together with the files that every dump contains."""
    top = "listenbrainz-listens-dump-1-20240501-000003-full"
    content = {
        "TIMESTAMP": b"2024-05-01 00:00:03",
        "SCHEMA_SEQUENCE": b"8",
        "COPYING": b"CC0",
        f"listens/2024/3{ending}": MARCH,
        f"listens/2024/4{ending}": APRIL,
        f"listens/2024/5{ending}": b"",
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as packing:
        for name, data in content.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(data)
            packing.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))
