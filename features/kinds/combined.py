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
    """No raw column, but a code per combination of other features' codes."""

    kind: Literal["combined"] = "combined"
    """Combinations of features."""
    of: Annotated[tuple[str, ...], BeforeValidator(names)] = ()
    """Two or more features of the same side, of kind `categorical` (no lists) or `bucket`. Null is a value of
    its own, as are all rare values together; null in every one of them is null."""

    is_combined: ClassVar[bool] = True

    @model_validator(mode="after")
    def _of_two_or_more(self) -> Combined:
        if len(self.of) < 2:
            raise ValueError(
                'kind \'combined\' needs `of`, two features or more, such as ["gender", "age"]'
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
