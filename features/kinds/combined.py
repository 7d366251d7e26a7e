"""The feature kind ``combined``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, model_validator

from features.category import Category
from features.kind import Fitted, Operators, PolarsSide
from features.names import each_once, names
from stages.lazy import pa, pl


class Combined(Category):
    """A code per combination of other features' codes; it reads no raw column."""

    kind: Literal["combined"] = "combined"
    """A crossed feature: one code for each combination of the values of other features."""
    of: Annotated[tuple[str, ...], BeforeValidator(names)] = ()
    """The names of two or more features of the same side, of kind `categorical` (without `list`) or `bucket`.
    Within each of them, null counts as one value, and so do all rare values together. The combination is null
    only if every part is null."""

    is_combined: ClassVar[bool] = True

    @model_validator(mode="after")
    def _of_two_or_more(self) -> Combined:
        if len(self.of) < 2:
            raise ValueError(
                "expected two or more features in `of` for kind 'combined', such as "
                f'["gender", "age"], got {len(self.of)}'
            )
        each_once(self.of)
        return self

    def columns(self, name: str) -> tuple[str, ...]:
        return ()

    def typed(self, name: str, raw: pl.DataFrame) -> None:
        return None

    def values(self, name: str, side: PolarsSide) -> pl.Series:
        from features.operators.combine import combinations

        codes = [side.encoded[part].to_numpy() for part in self.of]
        return pl.Series(name, pa.array(combinations(codes), pa.string()))

    def node(self, name: str, operators: Operators, nodes: Mapping[str, Any]) -> Any:
        from merlin.dag import ColumnSelector

        from features.operators.combine import Combine

        parts = sum((nodes[part] for part in self.of), ColumnSelector())
        return self.coded(parts >> Combine(name, self.of), operators)

    def compiled(self, name: str, fitted: Fitted) -> dict[str, Any]:
        return super().compiled(name, fitted) | {"kind": "combined", "of": list(self.of)}
