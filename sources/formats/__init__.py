"""The file formats that tables are read from: which file is of which, and a reader for each."""

from typing import Literal

Format = Literal["parquet", "csv", "jsonl", "arrow"]

#: Endings of file names, in lower case; those of text may be followed by one of ``COMPRESSED``.
ENDINGS: dict[str, Format] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
}
#: Arrow's names of the compressions, by ending.
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
SUPPORTED = ".parquet, .csv, .tsv, .jsonl, .ndjson (text also with .gz or .zst), .arrow, .feather"


def ending(name: str) -> str:
    """The ending that decides the format, without that of the compression, in lower case."""
    name = name.lower()
    for each in COMPRESSED:
        name = name.removesuffix(each)
    dot = name.rfind(".")
    return name[dot:] if dot >= 0 else ""


def compression(name: str) -> str | None:
    """Arrow's name of a file's compression, or None."""
    return next((how for end, how in COMPRESSED.items() if name.lower().endswith(end)), None)


def format_of(name: str) -> Format | None:
    """The format of the file with this name, or None if it is not supported."""
    kind = ENDINGS.get(ending(name))
    return None if kind in ("parquet", "arrow") and compression(name) else kind
