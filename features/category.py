"""The family of categories with a vocabulary, or a hash in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from features.kind import FeatureKind, Fitted, Operators, PolarsSide
from runtime.features.codes import FIRST_KNOWN
from stages.arrow_types import is_category, is_list
from stages.configuration import Positive
from stages.lazy import pa, pl

if TYPE_CHECKING:
    from features.value_types import PolarsDataType


class Category(FeatureKind):
    """A code per distinct value; ``several`` a row for a list."""

    frequency_threshold: Positive = 1
    """Values seen less often share the out-of-vocabulary code."""
    hash_bins: Annotated[int, Field(ge=2)] | None = None
    """Instead of a vocabulary: the code is one of this many, by a fixed hash of the value. A value never seen
    before has a code like any other, and values that fall together are one to the models."""

    @model_validator(mode="after")
    def _what_is_hashed_is_not_counted(self) -> Category:
        if self.hash_bins and self.frequency_threshold > 1:
            raise ValueError(
                "`hash_bins` counts no values, so there are no rare ones: leave `frequency_threshold` out"
            )
        return self

    @property
    def group(self) -> str | None:
        """Which features have one vocabulary with it; None: it has its own."""
        return None

    def encode(self, name: str, side: PolarsSide) -> pl.Series:
        return side.categories.codes(self.values(name, side), self, side.counts)

    def values(self, name: str, side: PolarsSide) -> pl.Series:
        """The values that are counted and encoded, by row of the side's table."""
        return side.table[name]

    def node(self, name: str, operators: Operators, nodes: Mapping[str, Any]) -> Any:
        return self.coded([name], operators)

    def coded(self, values: Any, operators: Operators) -> Any:
        """A column or a node of raw values -> their codes."""
        return values >> (operators.hashes if self.hash_bins else operators.categorify)

    def compiled(self, name: str, fitted: Fitted) -> dict[str, Any]:
        value_type = fitted.value_types.get(name, "string")
        entry: dict[str, Any] = {"name": name, "dtype": value_type, "kind": "categorical"}
        if self.hash_bins:
            return entry | {
                "hash_bins": self.hash_bins,
                "cardinality": FIRST_KNOWN + self.hash_bins,
            }
        path, cardinality = fitted.vocabulary(name, value_type)
        return entry | {"vocabulary": path, "cardinality": cardinality}


class SharableCategory(Category):
    """A category whose rows may hold several values, and that may share its vocabulary with others."""

    shared: Annotated[str, Field(pattern="^[^/]+$")] | None = None
    """Features, of either side, that give the same name here have one vocabulary, counted over all of them,
    and one embedding table in each model. No column may have that name."""
    max_length: Positive = 16
    """At most this many values or words a row."""
    keep: Literal["first", "last"] = "first"
    """Which of them, where there are more."""
    pad: bool = False
    """Prepared lists are all `max_length` long, filled with code 0 at the end, for readers that want arrays of
    one shape. The models are the same with and without: they fill them when they read."""

    @property
    def group(self) -> str | None:
        return self.shared

    def coded(self, values: Any, operators: Operators) -> Any:
        if not self.several:
            return super().coded(values, operators)
        from features.operators.pad import ListSlice, Pad

        kept = values >> ListSlice(self.max_length if self.keep == "first" else -self.max_length)
        codes = super().coded(kept, operators)
        return codes >> Pad(self.max_length) if self.pad else codes

    def compiled(self, name: str, fitted: Fitted) -> dict[str, Any]:
        return super().compiled(name, fitted) | {
            "list": self.several,
            "max_length": self.max_length if self.several else None,
            "keep": self.keep,
        }


def category_type(dtype: PolarsDataType) -> pl.DataType:
    """The type that categories of a raw type have beside nulls."""
    if dtype.is_integer():
        return pl.UInt64() if dtype == pl.UInt64 else pl.Int64()
    if dtype.is_float():
        return pl.Float64()
    return pl.Boolean() if dtype == pl.Boolean else pl.String()


def categories(column: pl.Series) -> pl.Series:
    """Raw values, or lists of them, as categories; NaN is null."""
    if isinstance(column.dtype, pl.List):
        inner = category_type(column.dtype.inner)
        column = column.cast(pl.List(inner))
        if not inner.is_float():
            return column
        return column.to_frame().select(pl.all().list.eval(pl.element().fill_nan(None)))[
            column.name
        ]
    column = column.cast(category_type(column.dtype))
    return column.fill_nan(None) if column.dtype == pl.Float64 else column


def expected_category(dtype: pa.DataType, several: bool, key: str) -> str:
    """What a column of single categories, or of lists of them, should be; see ``expected_type``."""
    if several != is_list(dtype):
        if several:
            return f"a list, because {key} says so"
        return f"one value a row, because {key} says so (where a row holds several values, say list = true)"
    if not is_category(dtype.value_type if several else dtype):
        return "text, integers, numbers or booleans to be a category"
    return ""


class Ids(Category):
    """Ids of users and items, which every recipe has."""

    kind: Literal["categorical"] = "categorical"
    is_number: ClassVar[bool] = False
