"""What a recipe says of the search for better settings."""

from typing import Annotated

from pydantic import Field, model_validator

from stages.configuration import Positive, Table


class Space(Table):
    """Values to try for a key: a range, or choices."""

    low: float | None = None
    """The least value of a range."""
    high: float | None = None
    """The greatest value of a range."""
    log: bool = False
    """Draw evenly in the logarithm."""
    integer: bool = False
    """Draw whole numbers."""
    choices: tuple[bool | int | float | str | None, ...] = ()
    """The values themselves."""

    @model_validator(mode="after")
    def _a_range_or_choices(self) -> "Space":
        if self.choices and self.low is None and self.high is None:
            return self
        if self.choices or self.low is None or self.high is None:
            raise ValueError("expected `low` and `high`, or `choices` with one value or more")
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("`low` must be below `high`, and above 0 where `log` is set")
        if self.integer and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("with `integer` both `low` and `high` must be whole numbers")
        return self


class Tune(Table):
    """Which settings `shortlist tune` searches."""

    trials: Positive = 20
    """How many settings are tried; each costs a training of the stage."""
    seed: int = 42
    """Fixes which settings are drawn."""
    space: Annotated[dict[str, Space], Field(min_length=1)]
    """A range or choices by key, such as `"retriever.learning_rate"`."""

    @model_validator(mode="after")
    def _one_stage_is_tuned(self) -> "Tune":
        stages = {key.split(".")[0] for key in self.space}
        if len(stages) > 1 or not stages <= {"retriever", "ranker"}:
            raise ValueError(
                "the keys of space must all begin with 'retriever.', or all with 'ranker.': one "
                f"stage is tuned at a time, and they begin with {sorted(stages)}"
            )
        return self
