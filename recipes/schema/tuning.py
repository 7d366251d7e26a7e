"""The table of a recipe for the hyperparameter search."""

from typing import Annotated

from pydantic import Field, model_validator

from stages.configuration import Positive, Table


class Space(Table):
    """Values to try for a key: a range, or choices."""

    low: float | None = None
    """Smallest value of the range."""
    high: float | None = None
    """Largest value of the range."""
    log: bool = False
    """Whether to draw from the range uniformly on a logarithmic scale."""
    integer: bool = False
    """Whether to draw integers only."""
    choices: tuple[bool | int | float | str | None, ...] = ()
    """The values to choose from, instead of a range."""

    @model_validator(mode="after")
    def _a_range_or_choices(self) -> "Space":
        if self.choices and self.low is None and self.high is None:
            return self
        if self.choices or self.low is None or self.high is None:
            raise ValueError(
                "expected `low` and `high`, or `choices` with one value or more, got "
                f"low = {self.low}, high = {self.high} and choices = {list(self.choices)}"
            )
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(
                "expected `low` below `high`, and above 0 with `log`, got "
                f"low = {self.low} and high = {self.high}"
            )
        if self.integer and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(
                "expected whole numbers for `low` and `high` with `integer`, got "
                f"{self.low} and {self.high}"
            )
        return self


class Tune(Table):
    """The hyperparameter search of `shortlist tune`."""

    trials: Positive = 20
    """Number of settings to try; each costs one training of the stage."""
    seed: int = 42
    """Seed of the sampler that draws the settings."""
    space: Annotated[dict[str, Space], Field(min_length=1)]
    """Range or choices to search for each key, such as `"retriever.learning_rate"`; all keys must belong to
    one stage."""

    @model_validator(mode="after")
    def _one_stage_is_tuned(self) -> "Tune":
        stages = {key.split(".")[0] for key in self.space}
        if len(stages) > 1 or not stages <= {"retriever", "ranker"}:
            raise ValueError(
                "expected keys of space that all begin with 'retriever.' or all with 'ranker.', because one "
                f"stage is tuned at a time, got keys that begin with {sorted(stages)}"
            )
        return self
