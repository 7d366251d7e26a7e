"""The feature kind ``target``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from features.category import categories, expected_category
from features.kind import Derived, Fitted, Operators, PolarsSide, TrainingPart
from features.names import each_once, names
from features.number import Number
from features.target_statistics import target_statistics
from features.value_types import value_type
from runtime.features.spelling import spell
from stages.columns import FOR_RANKER, POSITIVE
from stages.configuration import NonNegative
from stages.errors import ShortlistError
from stages.lazy import pa, pl


class Target(Number):
    """The mean label (without labels: the share of positives) of the interactions of the training part whose
    user or item has the same value; for the ranker alone. For an interaction of the training part it is
    taken from other folds than its own (``features.target_statistics``)."""

    kind: Literal["target"] = "target"
    """A mean label."""
    of: Annotated[tuple[str, ...], BeforeValidator(names)] = ()
    """The raw column, or several whose values count together. By default that of the feature's own name."""
    smoothing: NonNegative = 20.0
    """How many interactions' worth of the overall mean is mixed in."""
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    """Into how many folds the training part is dealt, for an item feature by user, for a user feature by
    item."""

    is_derived: ClassVar[bool] = True
    for_ranker: ClassVar[bool] = True
    needs_outcome: ClassVar[bool] = True
    compares_as_number: ClassVar[bool] = False

    @model_validator(mode="after")
    def _of_different_columns(self) -> Target:
        each_once(self.of)
        return self

    def columns(self, name: str) -> tuple[str, ...]:
        return self.of or (name,)

    def expected_type(self, dtype: pa.DataType, key: str) -> str:
        return expected_category(dtype, False, key)

    def typed(self, name: str, raw: pl.DataFrame) -> pl.Series:
        """A struct of the values that count together."""
        values = [categories(raw[column]) for column in self.columns(name)]
        return pl.DataFrame(values).to_struct(name)

    def derive(self, name: str, table: pl.DataFrame, training: TrainingPart) -> Derived:
        statistics = target_statistics(
            training.own,
            training.other,
            table[name].struct.unnest(),
            training.rows,
            self._labels(name, training),
            self.smoothing,
            self.folds,
        )
        return Derived(pl.Series(name, statistics.of_all), statistics)

    def weighted(
        self, name: str, values: np.ndarray, side: PolarsSide
    ) -> tuple[np.ndarray, np.ndarray]:
        # What the rows of the training part are given differs from what the table holds.
        given, times = side.targets[name].given_in_training()
        return self.shaped(given), times

    def node(self, name: str, operators: Operators, nodes: Mapping[str, Any]) -> Any:
        from nvtabular.ops import AddTags

        return super().node(name, operators, nodes) >> AddTags([FOR_RANKER])

    def compiled(self, name: str, fitted: Fitted) -> dict[str, Any]:
        target = fitted.targets[name]
        dtypes = [value_type(dtype) for dtype in target.categories.schema.values()]
        seen = target.counts.sum(axis=1) > 0
        values, means = target.categories.filter(seen), target.means[seen, -1].tolist()
        statistics = [
            [[_spelled(*each) for each in zip(row, dtypes, strict=True)], mean]
            for row, mean in zip(values.iter_rows(), means, strict=True)
        ]
        path = f"statistics/{name}.json"
        text = json.dumps(statistics, ensure_ascii=False)
        (fitted.folder / path).write_text(text, encoding="utf-8")
        return super().compiled(name, fitted) | {
            "kind": "target",
            "columns": values.columns,
            "dtypes": dtypes,
            "statistics": path,
            "otherwise": target.overall,
        }

    def _labels(self, name: str, training: TrainingPart) -> np.ndarray:
        labels = training.rows[training.label or POSITIVE].cast(pl.Float64).to_numpy()
        if labels.min() == labels.max():
            what = f"the label '{training.label}'" if training.label else "being a positive"
            raise ShortlistError(
                f"expected a mean that varies for the feature '{name}' of kind 'target', got {what} = "
                f"{labels[0]:g} in all of the {len(labels):,} interactions of the training part. Leave the "
                "feature out, or give columns.label or interactions.positive that differ between "
                "interactions."
            )
        return labels


def _spelled(value: Any, dtype: str) -> str | None:
    return None if value is None else spell(value, dtype)
