"""The known values of a column and their codes, as a release holds them."""

from typing import Any

from .codes import FIRST_KNOWN
from .json_mapping import LookedUp


class Vocabulary(LookedUp[str, int]):
    """Code by value, out of a JSON list of values."""

    def _of(self, content: Any) -> dict[str, int]:
        return {value: code for code, value in enumerate(content, start=FIRST_KNOWN)}
