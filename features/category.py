"""The family of categories: features that are encoded with a vocabulary, or with a hash instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from features.kind import FeatureKind, Fitted, Operators, PolarsSide
from runtime.features.codes import FIRST_KNOWN
from stages.arrow_types import is_category
from stages.columns import OWN
from stages.configuration import Positive
from stages.lazy import pa, pl


class Category(FeatureKind):
    """A code per distinct value, or a list of codes per row if it is ``several``."""

    frequency_threshold: Positive = 1
    """Values with fewer interactions than this in the training part (train and valid) share the
    out-of-vocabulary code. The default, 1, keeps every value."""
    hash_bins: Annotated[int, Field(ge=2)] | None = None
    """Number of hash bins. If set, a fixed hash of the value selects one of this many codes, and there is no
    vocabulary: unseen values have codes too, and the models cannot tell colliding values apart. By default a
    vocabulary is fitted."""

    @model_validator(mode="after")
    def _what_is_hashed_is_not_counted(self) -> Category:
        if self.hash_bins and self.frequency_threshold > 1:
            raise ValueError(
                "expected `hash_bins` or `frequency_threshold`, got both; hashing does not count values, so "
                "leave `frequency_threshold` out"
            )
        return self

    @property
    def group(self) -> str | None:
        """The name of the vocabulary that it shares with other features; None if it shares none."""
        return None

    @property
    def shared_vocabulary(self) -> str | None:
        """As ``group``, but a name that no column has."""
        return None if self.group is None else f"{OWN}shared_{self.group}"

    def encode(self, name: str, side: PolarsSide) -> pl.Series:
        return side.categories.codes(self.values(name, side), self, side.counts)

    def values(self, name: str, side: PolarsSide) -> pl.Series:
        """The values to count and encode, one for each row of the side's table."""
        return side.table[name]

    def node(self, name: str, operators: Operators, nodes: Mapping[str, Any]) -> Any:
        return self.coded([name], operators)

    def coded(self, values: Any, operators: Operators) -> Any:
        """A column or a graph node of raw values -> the node of their codes."""
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
    """A category whose rows may hold several values and that may share its vocabulary with others."""

    shared: Annotated[str, Field(min_length=1)] | None = None
    """Name of a shared vocabulary. Features of either side that set the same name are counted together and
    have one vocabulary and, in each model, one embedding table. By default a feature shares nothing."""
    max_length: Positive = 16
    """Maximum number of values or words per row."""
    keep: Literal["first", "last"] = "first"
    """Whether to keep the `first` or the `last` values of a row that has more than `max_length`."""
    pad: bool = False
    """Whether to pad the lists in the prepared files with code 0 to `max_length`, for readers that need
    arrays of one shape. The models do not depend on it: they pad lists when they read them."""

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


def categories(column: pl.Series) -> pl.Series:
    """Raw values, or lists of them, as categories: NaN becomes null, the types stay."""
    if column.dtype == pl.List(pl.Float64):
        inner = pl.all().list.eval(pl.element().fill_nan(None))
        return column.to_frame().select(inner).to_series()
    return column.fill_nan(None) if column.dtype == pl.Float64 else column


def expected_category(dtype: pa.DataType, several: bool, key: str) -> str:
    """What a column of single categories, or of lists of them, must be; see ``expected_type``."""
    if several != pa.types.is_list(dtype):
        if several:
            return f"a list, because {key} sets list = true"
        return (
            f"one value per row, because {key} is not a list (if rows hold several values, use kind "
            "'categorical' with list = true)"
        )
    if not is_category(dtype.value_type if several else dtype):
        return f"text, integers, numbers or booleans, because {key} reads categories"
    return ""


class Ids(Category):
    """The ids of users and items, which every recipe has."""

    kind: Literal["categorical"] = "categorical"
    is_number: ClassVar[bool] = False
