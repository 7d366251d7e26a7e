"""The table of what a training may use."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator

from stages.configuration import Table

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([MG])B")
_BYTES = {"M": 1_000_000, "G": 1_000_000_000}


def in_bytes(size: str) -> int:
    """The bytes of a size such as "500MB" or "8GB".

    Raises:
        ValueError: it is not such a size, or 0.
    """
    found = _SIZE.fullmatch(size)
    number = int(Decimal(found[1]) * _BYTES[found[2]]) if found else 0
    if not number:
        raise ValueError(f"expected a size such as '500MB' or '8GB', got '{size}'")
    return number


def _checked(size: str) -> str:
    in_bytes(size)
    return size


class Training(Table):
    """What `shortlist train` may use."""

    memory: Annotated[str, AfterValidator(_checked)] = "4GB"
    """Memory that the matrices of the linear model may take, such as `"500MB"` or `"8GB"`. If a kind of
    `[linear]` needs more, `auto` chooses another kind; a kind that the recipe names is refused."""

    @property
    def memory_bytes(self) -> int:
        """``memory`` in bytes."""
        return in_bytes(self.memory)
