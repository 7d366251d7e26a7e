"""Parses and checks JSON lines from a person or a program."""

import json
from collections.abc import Iterable
from typing import Any

from runtime.did_you_mean import did_you_mean


def parsed(line: bytes, fields: Iterable[str]) -> dict[str, Any]:
    """Parse the object on a line, which may have no fields other than ``fields``.

    Raises:
        ValueError: the line is anything else; states what was expected and what it got.
    """
    try:
        value = json.loads(line.decode())
    except ValueError as error:
        raise ValueError(f"expected a JSON object in UTF-8, got {_shown(line)} ({error})") from None
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {_shown(line)}")
    known = list(fields)
    for name in value.keys() - set(known):
        raise ValueError(
            f"expected only the fields {', '.join(known)}, got {name!r}{did_you_mean(name, known)}"
        )
    return value


def raw_id(value: dict[str, Any], name: str) -> str:
    """The id in the field ``name``, as text. In some data sets, ids are whole numbers.

    Raises:
        ValueError: it is missing, or neither text nor a whole number.
    """
    given = value.get(name)
    if isinstance(given, str) and given:
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    actual = repr(given) if name in value else "none"
    raise ValueError(f"expected {name} to be text or a whole number, got {actual}")


def _shown(line: bytes) -> str:
    text = line.decode(errors="replace").strip()
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
