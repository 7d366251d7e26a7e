"""The tables of the models that serve as candidate generators and ranker features."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stages.configuration import Fraction, NonNegative, Positive, PositiveFloat, Table


class Linear(Table):
    """The linear item-item model: the candidate generator and the ranker feature `linear`.

    The defaults were chosen on splits inside the training part of MovieLens-100K and of Gowalla.
    """

    kind: Literal["auto", "edlae", "graph-filter", "chebyshev", "propagation"] = "auto"
    """How the weights between items are computed. `edlae`: in closed form. `graph-filter`: from damped
    eigenvectors of the item graph, for up to 100,000 items. `chebyshev`: from a polynomial of that graph, for
    up to 100,000 items. `propagation`: from the sparse links of that
    graph alone, weighted by degree, for any number of items. `auto`: `edlae` for up to 25,000 items if
    `training.memory` suffices, else the first of the others that number and memory allow."""
    neighbours: Positive = 200
    """Number of weights to keep for each item, those of the largest absolute value."""
    dropout: Fraction = 0.5
    """`edlae`: share of a user's items that is treated as dropped out."""
    penalty: PositiveFloat = 200.0
    """`edlae`: L2 penalty on the weights."""
    dim: Positive = 256
    """`graph-filter`: number of eigenvectors, those of the largest eigenvalues."""
    low_pass: NonNegative = 0.15
    """`graph-filter`: number added to each of the `dim` largest eigenvalues before it is damped."""
    sharpening: NonNegative = 2.0
    """`graph-filter`: damping strength s; an eigenvalue x is multiplied by exp(-s * x)."""
    rest: NonNegative = 0.75
    """`graph-filter`: factor that all smaller eigenvalues are multiplied by."""
    popularity_power: Annotated[float, Field(ge=0, le=1)] = 0.4
    """`graph-filter`: each weight is multiplied by the number of users of the item it leads to, raised to
    this power."""
    half_life: PositiveFloat | None = None
    """Number of later items of the user after which an item counts half as much. By default all items count
    the same."""
    order: Positive = 8
    """`chebyshev`: degree of the polynomial that approximates the plateau."""
    flatness: PositiveFloat = 1.5
    """`chebyshev`: flatness of the plateau f; at an eigenvalue of (1 - x) / 2 the filter's gain is
    1/2 - 1/2 * sign(x) * abs(x) ** f."""
    ideal_width: Positive = 512
    """`chebyshev`: number of largest eigenvalues that `ideal_weight` is added to."""
    ideal_weight: NonNegative = 0.2
    """`chebyshev`: number added to the gains of the `ideal_width` largest eigenvalues."""
    degree_power: Annotated[float, Field(ge=0, le=1)] = 0.4
    """`chebyshev`: each weight is multiplied by the number of users of the item it leads to, divided by that
    of the item it leads from, raised to this power."""
    user_power: Annotated[float, Field(ge=0, le=2)] = 0.6
    """`propagation`: each link through a user is divided by the number of the user's items, raised to this
    power."""
    from_power: Annotated[float, Field(ge=0, le=1)] = 0.5
    """`propagation`: each weight is divided by the number of users of the item it leads from, raised to this
    power."""
    to_power: Annotated[float, Field(ge=0, le=1)] = 0.3
    """`propagation`: each weight is divided by the number of users of the item it leads to, raised to this
    power."""

    READ_WHERE: ClassVar = {
        **dict.fromkeys(("dropout", "penalty"), ("kind", ("auto", "edlae"))),
        **dict.fromkeys(
            ("dim", "low_pass", "sharpening", "rest", "popularity_power"),
            ("kind", ("auto", "graph-filter")),
        ),
        **dict.fromkeys(
            ("order", "flatness", "ideal_width", "ideal_weight", "degree_power"),
            ("kind", ("chebyshev",)),
        ),
        **dict.fromkeys(
            ("user_power", "from_power", "to_power"), ("kind", ("auto", "propagation"))
        ),
    }


class Als(Table):
    """Alternating least squares (iALS): the candidate generator and the ranker feature `als`.

    The defaults are the best of ``python -m benchmarks.tune_baselines`` on MovieLens-100K.
    """

    dim: Positive = 128
    """Number of factors of each user and item."""
    penalty: PositiveFloat = 40.0
    """L2 penalty on the factors."""
    confidence: Annotated[float, Field(gt=1)] = 6.0
    """Weight of an observed pair of user and item; an unobserved pair has weight 1."""
    iterations: Positive = 20
    """Number of passes over users and items."""


class Transitions(Table):
    """What users took soon after an item: the candidate generator and the ranker feature `transitions`.

    The defaults were chosen on the second-to-last items of Amazon's Beauty and Sports.
    """

    neighbours: Positive = 200
    """Number of weights to keep for each item, the largest ones."""
    reach: Annotated[int, Field(ge=1, le=100)] = 10
    """How many places after an item others still count as following it."""
    decay: Annotated[float, Field(gt=0, le=1)] = 0.85
    """Factor of the weight for each further place."""
    backward: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Weight of the items before an item, relative to those after it; 1 ignores the order."""
    shrinkage: NonNegative = 5.0
    """Number added to the denominator of each weight, in users: it damps the weights between rare items."""
    half_life: PositiveFloat = 2.0
    """Number of later items of the user after which an item counts half as much."""


class Repeat(Table):
    """The user's own items, the most frequent and most recent first: the candidate generator and the
    ranker feature `repeat`."""

    half_life: Annotated[float, Field(gt=0, le=10_000)] = 50.0
    """Number of later interactions of the user after which an interaction has half the weight. An item's
    score is the sum of the weights of its interactions. A small value favours recent items, a large one
    frequent items."""
