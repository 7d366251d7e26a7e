"""The names that a feature lists under its key ``of``."""

from collections.abc import Sequence
from typing import Any


def names(given: Any) -> Any:
    """One name, or a list of names, as a tuple; anything else is returned as is, for pydantic to refuse."""
    if isinstance(given, str):
        return (given,)
    return tuple(given) if isinstance(given, list) else given


def each_once(given: Sequence[str]) -> None:
    """Raise ``ValueError`` if a name is given twice."""
    if len(set(given)) < len(given):
        raise ValueError(f"expected each name once in `of`, got {list(given)}")
