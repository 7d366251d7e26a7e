"""The feature kind ``age``."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, model_validator

from features.kind import Derived, Fitted, TrainingPart
from features.names import names
from features.number import Number
from features.times import in_seconds
from runtime.features.spelling import is_null
from runtime.features.times import SECONDS_A_DAY, seconds_of
from stages.arrow_types import is_time
from stages.columns import values_of
from stages.lazy import pa, pl


class Age(Number):
    """Days from a time in the table to the newest interaction of the training part (train and valid)."""

    kind: Literal["age"] = "age"
    """An age in days: from a time in the table to the newest interaction of the training part."""
    of: Annotated[tuple[str, ...], BeforeValidator(names)] = ()
    """The raw column that holds the time. By default it is the column with the feature's name."""
    fill: float = 0.0
    """Age in days of a row whose time is missing, before `clip`."""

    is_derived: ClassVar[bool] = True
    reads_time: ClassVar[bool] = True

    @model_validator(mode="after")
    def _of_one_column(self) -> Age:
        if len(self.of) > 1:
            raise ValueError(
                f"expected one column in `of` for kind 'age', got {len(self.of)}; name the column of the time"
            )
        return self

    @property
    def missing(self) -> float:
        return self.fill

    @property
    def needs_timestamp(self) -> str:
        return "kind 'age'"

    def columns(self, name: str) -> tuple[str, ...]:
        return self.of or (name,)

    def expected_type(self, dtype: pa.DataType, key: str) -> str:
        if is_time(dtype):
            return ""
        return f"an integer (seconds) or a datetime, because {key} is of kind 'age'"

    def typed(self, name: str, raw: pl.DataFrame) -> pl.Series:
        return in_seconds(values_of(raw, self.columns(name)[0]))

    def derive(self, name: str, table: pl.DataFrame, training: TrainingPart) -> Derived:
        # Divided as on the server: Polars multiplies by the inverse, which differs in the last bit.
        days = (training.newest - table[name].to_numpy()) / SECONDS_A_DAY
        return Derived(pl.Series(name, days, nan_to_null=True))

    def compiled(self, name: str, fitted: Fitted) -> dict[str, Any]:
        return super().compiled(name, fitted) | {
            "kind": "age",
            "column": self.columns(name)[0],
            "reference": fitted.newest,
        }

    def expected_value(self, value: Any) -> str:
        if isinstance(value, date) or not is_null(seconds_of(value)):
            return ""
        return "seconds since 1970 or a time such as 2024-01-31"
