"""The feature kind ``categorical``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from features.category import SharableCategory, categories, expected_category
from stages.columns import values_of
from stages.lazy import pa, pl


class Categorical(SharableCategory):
    """A code per distinct value; with `list`, several values per row."""

    kind: Literal["categorical"] = "categorical"
    """A category: one code for each distinct value."""
    list: bool = False
    """Whether each row holds a list of values instead of one value."""

    can_be_combined: ClassVar[bool] = True
    READ_WHERE: ClassVar = dict.fromkeys(("max_length", "keep", "pad"), ("list", (True,)))

    @property
    def several(self) -> bool:
        return self.list

    def expected_type(self, dtype: pa.DataType, key: str) -> str:
        return expected_category(dtype, self.list, key)

    def typed(self, name: str, raw: pl.DataFrame) -> pl.Series:
        return categories(values_of(raw, name))

    def expected_value(self, value: Any) -> str:
        if not self.list:
            return "" if isinstance(value, str | int | float) else "text or a number"
        fits = isinstance(value, list) and all(
            isinstance(each, str | int | float) for each in value
        )
        return "" if fits else "a list of text or numbers"
