"""The known values of a column and their codes."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .codes import FIRST_KNOWN
from .json_mapping import JsonMapping
from .spelling import parsed


class Vocabulary(JsonMapping[str, int]):
    """Code by spelled value, from a JSON list of the values in code order."""

    @staticmethod
    def write(path: Path, spelled: Sequence[str]) -> None:
        """Write the values, in code order."""
        path.write_text(json.dumps(spelled, ensure_ascii=False), encoding="utf-8")

    def decode(self, codes: Iterable[int], dtype: str) -> list[Any]:
        """The raw values of codes, in their own type; None for 0, 1 and 2, which stand for no value.

        Raises:
            ValueError: the vocabulary does not have a code.
        """
        values, decoded = list(self), []
        for code in codes:
            place = int(code) - FIRST_KNOWN
            if code < 0 or place >= len(values):
                raise ValueError(
                    f"expected codes from 0 to {len(values) + FIRST_KNOWN - 1}, got {code} from another "
                    "preparation; run `shortlist prepare` and the commands after it again"
                )
            decoded.append(parsed(values[place], dtype) if place >= 0 else None)
        return decoded

    def _of(self, content: Any) -> dict[str, int]:
        return {value: code for code, value in enumerate(content, start=FIRST_KNOWN)}
