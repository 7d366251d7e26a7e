"""Find the files of a table: one file, a folder of them with or without partitions, or a pattern."""

import glob
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from sources.formats import SUPPORTED, Format, format_of
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

#: How writers of partitioned folders spell a missing value.
_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Found:
    """One file of a table."""

    path: Path
    #: Its path within the table's folder, for messages.
    label: str
    #: The values of the partition columns, from the names of its folders such as ``dt=2024-01-02``.
    partition: Mapping[str, str | None] = field(default_factory=dict)


def find(path: Path, given: str, named: str, *, quiet: bool = False) -> tuple[Format, list[Found]]:
    """The format and the files of the table at ``path``, in the order of their names.

    Args:
        given: how the recipe names it, for messages.
        named: who names it, for messages, such as ``the recipe names as source.users``.
        quiet: do not log which files are skipped.

    Raises:
        ShortlistError: there is none, the files are of several formats or of one that is not supported, or
            a folder has subfolders other than partitions.
    """
    if path.is_dir():
        files = _in_folder(path, given, named)
    elif path.exists():
        files = [Found(path, path.name)]
    else:
        files = _matching(path, given, named)
    known = {file.label: format_of(file.path.name) for file in files}
    files = [file for file in files if known[file.label]]
    counts = Counter(kind for kind in known.values() if kind)
    if len(counts) > 1:
        listed = ", ".join(f"{number} of kind {kind}" for kind, number in counts.items())
        raise ShortlistError(
            f"expected files of one kind in {given}, which {named}, got {listed}. Name "
            f"those to read by a pattern, such as {Path(given) / '*'}{Path(files[0].label).suffix}."
        )
    if not files:
        what = ", ".join(list(known)[:3]) or "none"
        raise ShortlistError(
            f"expected files of a supported kind at {given}, which {named}, found "
            f"{what}. Supported: {SUPPORTED}; read other kinds with a query of DuckDB (docs/your-data.md)."
        )
    skipped = [label for label, kind in known.items() if kind is None]
    if skipped and not quiet:
        log.info(f"{given}: skipped {', '.join(skipped[:3])}, {len(skipped)} files of another kind")
    (kind,) = counts
    return kind, files


def _matching(path: Path, given: str, named: str) -> list[Found]:
    """The files that match a pattern, with its folders before the first wildcard as their root."""
    parts = path.parts
    wild = [number for number, part in enumerate(parts) if re.search(r"[*?\[]", part)]
    names = sorted(glob.glob(str(path), recursive=True)) if wild else []
    files = [Path(name) for name in names if Path(name).is_file()]
    if not files:
        raise ShortlistError(
            f"expected a file or a folder of files at {given}, which {named}, found "
            "none. Fix the path; a relative one starts at the recipe's folder."
        )
    root = Path(*parts[: wild[0]])
    return [_found(file, root) for file in files]


def _in_folder(folder: Path, given: str, named: str) -> list[Found]:
    """All files, in partitions too; skips . and _ names, which writers give their own files."""
    if (folder / "_delta_log").is_dir():
        raise ShortlistError(
            f"expected a folder of files at {given}, which {named}, got a Delta table, "
            "some of whose files may be deleted rows. Read it with a query of DuckDB: kind = 'sql', "
            f"SELECT * FROM delta_scan('{given}')."
        )
    files = [_found(path, folder) for path in _walk(folder)]
    for file in files:
        for name in Path(file.label).parent.parts:
            if "=" not in name and format_of(file.path.name):
                raise ShortlistError(
                    f"expected files or partitions (subfolders such as dt=2024-01-02) in {given}, which "
                    f"{named}, got the subfolder '{name}' with {file.label}. Move it "
                    f"elsewhere, or name what to read by a pattern, such as {given}/**/*"
                    f"{Path(file.label).suffix}."
                )
    return files


def _walk(folder: Path) -> Iterator[Path]:
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else sorted(filter(is_data, folders))
        if real not in seen:
            yield from (Path(place, name) for name in sorted(names) if is_data(name))
        seen.add(real)


def is_data(name: str) -> bool:
    """Whether a file or folder of this name is data: writers give their own ones names with . or _."""
    return name[0] != "." and (name[0] != "_" or "=" in name)


def _found(path: Path, root: Path) -> Found:
    label = path.relative_to(root)
    pairs = (part.partition("=") for part in label.parent.parts if "=" in part)
    values = {unquote(name): unquote(value) for name, _, value in pairs}
    return Found(
        path,
        label.as_posix(),
        {name: None if value == _NULL else value for name, value in values.items()},
    )
