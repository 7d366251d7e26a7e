"""The feature kind ``text``."""

from __future__ import annotations

from typing import Any, Literal

from features.category import SharableCategory
from features.kind import Fitted
from runtime.features.words import words
from stages.lazy import pa, pl


class Text(SharableCategory):
    """A code per distinct word of a text, whatever its case, as a list."""

    kind: Literal["text"] = "text"
    """A list of categories: one code for each distinct word of a text, whatever its case. Words are those
    between Unicode's word boundaries (UAX 29) that hold a letter, a number or an emoji."""

    @property
    def several(self) -> bool:
        return True

    def expected_type(self, dtype: pa.DataType, key: str) -> str:
        return "" if pa.types.is_string(dtype) else f"a string, because {key} is of kind 'text'"

    def typed(self, name: str, raw: pl.DataFrame) -> pl.Series:
        texts = raw[name].cast(pl.String).to_list()
        each = [None if text is None else words(text) for text in texts]
        return pl.Series(name, each, pl.List(pl.String))

    def compiled(self, name: str, fitted: Fitted) -> dict[str, Any]:
        return super().compiled(name, fitted) | {"text": True}

    def expected_value(self, value: Any) -> str:
        return "" if isinstance(value, str | int | float) else "text or a number"
