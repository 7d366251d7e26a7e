"""The linear item-item model for a catalogue that is too large for a closed form: a filter on its graph.

Broad tastes recommend what everybody likes, so they are damped: each eigenvalue x of the item graph
(``models.item_models.item_graph``) becomes (x + low_pass) * exp(-sharpening * x), as in J. Choi et al.,
"Blurring-sharpening process models for collaborative filtering", SIGIR 2023. Only the ``dim`` largest are
damped here; all others are multiplied by ``rest``, and so remain a sparse product.
"""

import numpy as np

from models.item_models.item_graph import ItemGraph
from models.item_models.neighbours import Neighbours
from models.prepared import Interactions
from recipes.schema.item_models import Linear


def filtered_links(
    interactions: Interactions, users: int, items: int, count: int, options: Linear
) -> Neighbours:
    """Each item's ``count`` largest weights to other items, by absolute value.

    A weight is the filter's, times (users of the item that it leads to) ** ``popularity_power``.
    """
    graph = ItemGraph.of(interactions, users, items, options.dim)
    gains = (graph.values + options.low_pass) * np.exp(-options.sharpening * graph.values)
    return graph.filtered(
        gains, options.rest, count, from_power=0.0, to_power=options.popularity_power
    )
