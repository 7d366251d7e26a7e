"""The table of a recipe for the hyperparameter search."""

from collections.abc import Iterable

from pydantic import model_validator

from runtime.did_you_mean import did_you_mean
from stages.configuration import Positive, Table

Scalar = bool | int | float | str
#: Tables that say what the data are and what is measured: a search compares settings on the same data.
GIVEN = (
    *("source", "columns", "interactions", "events", "vocabulary", "features", "split"),
    *("evaluation", "tune"),
)
#: The keys of [serving] that change what is recommended, and not how it is served.
OF_SERVING = ("candidates", "generators")


class Space(Table):
    """Values to try for a key of training or serving, such as `"retriever.learning_rate"` or
    `"serving.generators"`: a range, or choices."""

    low: float | None = None
    """Smallest value of the range."""
    high: float | None = None
    """Largest value of the range."""
    log: bool = False
    """Whether to draw from the range uniformly on a logarithmic scale."""
    integer: bool = False
    """Whether to draw integers only."""
    choices: tuple[Scalar | tuple[Scalar, ...] | None, ...] = ()
    """The values to choose from, instead of a range; each may be a list."""

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
    """The hyperparameter search of `shortlist tune`. Its `space` has a range or choices for keys of training
    and serving; by default a small space for the kinds of the recipe is searched."""

    trials: Positive = 20
    """Number of settings to try; each costs one training of what they change."""
    seed: int = 42
    """Seed of the sampler that draws the settings."""
    space: dict[str, Space] = {}
    """Range or choices to search for each key of training or serving, such as `"retriever.learning_rate"`
    or `"serving.generators"`. By default a small space for the kinds of the recipe."""

    def check(self, tables: Iterable[str]) -> None:
        """Check that the space names tables of a recipe that training or serving reads.

        Raises:
            ValueError: it does not.
        """
        known = [name for name in tables if name not in GIVEN]
        for key in self.space:
            table, _, name = key.partition(".")
            if table not in known:
                raise ValueError(
                    f"expected keys of tune.space in one of {', '.join(known)}, got "
                    f"'{key}'{did_you_mean(table, known)}"
                )
            if table == "serving" and name not in OF_SERVING:
                raise ValueError(
                    "expected serving.candidates or serving.generators in tune.space, the keys of [serving] "
                    f"that change what is recommended, got '{key}'"
                )
