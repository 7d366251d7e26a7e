"""A diverse choice among scored items: maximal marginal relevance."""

import numpy as np


def diversified(
    preference: np.ndarray, embeddings: np.ndarray, weight: float, count: int
) -> np.ndarray:
    """Positions of at most ``count`` items, chosen one after another.

    The next item is the one with the largest (1 - weight) * preference - weight * its largest cosine with
    the items chosen before; preferences are scaled to 0..1 first. Ties go to the earlier item.
    J. Carbonell and J. Goldstein, "The use of MMR", SIGIR 1998.

    Args:
        preference: [C], finite or infinite.
        embeddings: float32 [C, d].
        weight: from 0 (order of preference) to 1 (dissimilarity alone, after the first item).
    """
    count = min(count, len(preference))
    finite = np.isfinite(preference)
    low = preference[finite].min(initial=np.inf)
    span = preference[finite].max(initial=-np.inf) - low
    worth = np.where(preference > 0, 1.0, -1.0)  # for infinite preferences
    worth[finite] = (preference[finite] - low) / span if span > 0 else 0.0
    units = unit(embeddings)
    likeness = np.full(len(preference), -1.0)
    left, chosen = np.ones(len(preference), dtype=bool), []
    for turn in range(count):
        # The first item has none to differ from.
        gain = (1 - weight) * worth - weight * likeness if turn else worth
        place = int(np.argmax(np.where(left, gain, -np.inf)))
        left[place] = False
        chosen.append(place)
        likeness = np.maximum(likeness, units @ units[place])
    return np.array(chosen, dtype=np.int64)


def unit(vectors: np.ndarray) -> np.ndarray:
    """The rows scaled to length 1; a row of zeros stays."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)
