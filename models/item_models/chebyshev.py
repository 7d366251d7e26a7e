"""The linear item-item model as a polynomial filter on the item graph (ChebyCF).

C. Kim, J. Sung, Y. Han, J. Lee, "Graph spectral filtering with Chebyshev interpolation for recommendation",
SIGIR 2025. Each eigenvalue of the item graph (``models.item_models.item_graph``) becomes the value of a
polynomial that interpolates a plateau: 1 for broad tastes, 1/2 for most of what is between, 0 for what hardly
any items have in common. An ideal pass adds ``ideal_weight`` to the ``ideal_width`` largest.

The authors multiply by the graph ``order`` times for each user. Here the largest eigenvalues, which the ideal
pass needs anyway, get the polynomial's exact values, and all smaller ones those of a line through 0 that fits
it there: so an item's weights take one sparse product. A constant would only change the weight of an item to
itself, which is not used.
"""

import numpy as np
from numpy.polynomial import chebyshev

from models.item_models.item_graph import ItemGraph
from models.item_models.neighbours import Neighbours
from models.prepared import Interactions
from recipes.schema.item_models import Linear

#: Eigenvalues at which the line is fitted.
FITTED = 100


def polynomial_links(
    interactions: Interactions, users: int, items: int, count: int, options: Linear
) -> Neighbours:
    """Each item's ``count`` largest weights to other items, by absolute value.

    A weight is the filter's, times (users of the item that it leads to / users of the item that it leads
    from) ** ``degree_power``.
    """
    graph = ItemGraph.of(interactions, users, items, options.ideal_width)
    plateau = interpolated_plateau(options.order, options.flatness)
    at_zero = _gains(plateau, np.zeros(1))
    gains = _gains(plateau, graph.values) - at_zero + options.ideal_weight
    smaller = np.linspace(0, graph.values.min(initial=1), FITTED)
    line = smaller @ (_gains(plateau, smaller) - at_zero) / (smaller @ smaller)
    power = options.degree_power
    return graph.filtered(gains, float(line), count, from_power=power, to_power=power)


def interpolated_plateau(order: int, flatness: float) -> np.ndarray:
    """Coefficients of the polynomial in Chebyshev's basis, on [-1, 1], [order + 1].

    At x = 1 - 2 * (eigenvalue of the item graph), the plateau is 1/2 - 1/2 * sign(x) * abs(x) ** flatness. As
    in the authors' code, its values at the extrema of the basis are those of the polynomial at the nodes.
    """
    steps = np.arange(order + 1)
    extrema, nodes = -np.cos(np.pi * steps / order), -np.cos(np.pi * (steps + 0.5) / (order + 1))
    plateau = 0.5 - 0.5 * np.sign(extrema) * np.abs(extrema) ** flatness
    return np.linalg.solve(chebyshev.chebvander(nodes, order), plateau)


def _gains(plateau: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The polynomial at eigenvalues of the item graph."""
    return chebyshev.chebval(1 - 2 * values, plateau)
