"""The evaluation table of a recipe: what the report contains."""

from typing import Annotated, Literal

from pydantic import Field

from stages.configuration import Positive, Table


class Evaluation(Table):
    """What the evaluation report contains."""

    k: Annotated[tuple[Positive, ...], Field(min_length=1)] = (10,)
    """The depths k of the ranking metrics; the first one is the depth of the main figure."""
    users: Positive | None = None
    """Maximum number of test users to evaluate, drawn with `split.seed`. By default all are evaluated."""
    protocols: tuple[
        Literal["sampled-negatives", "top-k-accuracy", "rating-error", "click-prediction"], ...
    ] = ()
    """Further evaluation protocols to report, each a module in `evaluation/protocols/`."""
