"""What a recipe says of the models between items that are candidate generators and ranker features."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stages.configuration import Fraction, NonNegative, Positive, PositiveFloat, Table


class Linear(Table):
    """The linear item-item model: the generator `linear`, and the ranker feature.

    The defaults were chosen on splits inside the training part, of MovieLens-100K and of Gowalla.
    """

    kind: Literal["auto", "edlae", "graph-filter", "propagation"] = "auto"
    """`edlae`: in closed form, up to 20,000 items. `graph-filter`: damped eigenvectors of the links between
    items, up to 100,000. `propagation`: these links alone, weighed by how many each end has; sparse.
    `auto`: the first of them that the number of items allows."""
    neighbours: Positive = 200
    """How many weights of an item are kept, its largest."""
    dropout: Fraction = 0.5
    """`edlae`: share of a user's items that is treated as dropped."""
    penalty: PositiveFloat = 200.0
    """`edlae`: L2 penalty."""
    dim: Positive = 256
    """`graph-filter`: how many eigenvectors."""
    low_pass: NonNegative = 0.15
    """`graph-filter`: added to each eigenvalue."""
    sharpening: NonNegative = 2.0
    """`graph-filter`: how strongly large eigenvalues are damped."""
    rest: NonNegative = 0.75
    """`graph-filter`: what all other eigenvalues are multiplied by."""
    popularity_power: Annotated[float, Field(ge=0, le=1)] = 0.4
    """`graph-filter`: the power of an item's users by which its weights grow."""
    user_power: Annotated[float, Field(ge=0, le=2)] = 0.6
    """`propagation`: a link is divided by the number of the user's items to this power."""
    from_power: Annotated[float, Field(ge=0, le=1)] = 0.5
    """`propagation`: and by the users of the item that it leads from to this power."""
    to_power: Annotated[float, Field(ge=0, le=1)] = 0.3
    """`propagation`: and by the users of the item that it leads to to this power."""

    READ_WHERE: ClassVar = {
        **dict.fromkeys(("dropout", "penalty"), ("kind", ("auto", "edlae"))),
        **dict.fromkeys(
            ("dim", "low_pass", "sharpening", "rest", "popularity_power"),
            ("kind", ("auto", "graph-filter")),
        ),
        **dict.fromkeys(
            ("user_power", "from_power", "to_power"), ("kind", ("auto", "propagation"))
        ),
    }


class Als(Table):
    """Alternating least squares: the generator `als`, and the ranker feature.

    The defaults are the best of ``python -m benchmarks.tune_baselines`` on MovieLens-100K.
    """

    dim: Positive = 128
    """Factors of a user and an item."""
    penalty: PositiveFloat = 40.0
    """L2 on the factors."""
    confidence: Annotated[float, Field(gt=1)] = 6.0
    """Weight of an observed pair, where another has 1."""
    iterations: Positive = 20
    """Passes over users and items."""
