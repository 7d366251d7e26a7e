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
from runtime.safe_names import safe_name
from stages.columns import FOR_RANKER, POSITIVE, values_of
from stages.configuration import NonNegative
from stages.errors import ShortlistError
from stages.lazy import pa, pl


class Target(Number):
    """The mean label of the training interactions whose user or item has the same value.

    Without labels it is the share of positives. Only the ranker reads it. An interaction of the training part
    gets the mean over the folds that it is not in (``features.target_statistics``).
    """

    kind: Literal["target"] = "target"
    """Target encoding, for the ranker only: the mean label (without labels, the share of positives) of the
    training interactions whose user or item has the same value."""
    of: Annotated[tuple[str, ...], BeforeValidator(names)] = ()
    """The raw column, or several columns whose values together form one category. By default it is the column
    with the feature's name."""
    smoothing: NonNegative = 20.0
    """Smoothing towards the overall mean, which counts as much as this many interactions of a value."""
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    """Number of folds that the training part is split into: by user for an item feature, by item for a user
    feature. A training interaction gets the mean over the other folds."""

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
        """A struct of the values that form one category."""
        values = {column: categories(values_of(raw, column)) for column in self.columns(name)}
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
        # Rows of the training part get out-of-fold means, which differ from those in the table.
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
        path = f"statistics/{safe_name(name)}.json"
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
        outcome = POSITIVE if training.label is None else training.label
        labels = training.rows[outcome].cast(pl.Float64).to_numpy()
        if labels.min() == labels.max():
            what = "being a positive" if training.label is None else f"the label '{training.label}'"
            raise ShortlistError(
                f"expected outcomes that vary for the feature '{name}' of kind 'target', got {what} = "
                f"{labels[0]:g} in all of the {len(labels):,} interactions of the training part. Leave the "
                "feature out, or set a columns.label or an interactions.positive that differs between "
                "interactions."
            )
        return labels


def _spelled(value: Any, dtype: str) -> str | None:
    return None if value is None else spell(value, dtype)
