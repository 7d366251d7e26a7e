"""Names that a feature's key ``of`` lists."""

from collections.abc import Sequence
from typing import Any


def names(given: Any) -> Any:
    """One name, or a list of them, as a tuple; what is neither stays for pydantic to refuse."""
    if isinstance(given, str):
        return (given,)
    return tuple(given) if isinstance(given, list) else given


def each_once(given: Sequence[str]) -> None:
    """Raises ``ValueError`` where a name is given twice."""
    if len(set(given)) < len(given):
        raise ValueError("`of` has a name twice: give each once")
