"""JSON lines that a person or a program hands over: checked, and wrong ones named."""

import json
from collections.abc import Iterable
from typing import Any

from runtime.did_you_mean import did_you_mean


def parsed(line: bytes, fields: Iterable[str]) -> dict[str, Any]:
    """The object that a line holds; it has no field beside ``fields``.

    Raises:
        ValueError: it is no such line; says what was expected and what came.
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
            f"expected some of {', '.join(known)}; got {name!r}{did_you_mean(name, known)}"
        )
    return value


def raw_id(value: dict[str, Any], name: str) -> str:
    """The field ``name``: an id, as text. Data sets have ids that are whole numbers, too.

    Raises:
        ValueError: it is missing, or neither.
    """
    given = value.get(name)
    if isinstance(given, str) and given:
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    came = repr(given) if name in value else "none"
    raise ValueError(f"expected {name}, a text or a whole number; got {came}")


def _shown(line: bytes) -> str:
    text = line.decode(errors="replace").strip()
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
