"""TensorFlow Recommenders' metric: how often the item of a test interaction is in the top k.

Over the whole catalogue, k = 1, 5, 10, 50, 100, averaged over test interactions. Once with nothing
removed, as in the basic retrieval tutorial (tensorflow.org/recommenders/examples/basic_retrieval), and
once without the user's training items that ``serving.exclude`` leaves out, which otherwise crowd out the
answer. Both exact search and the approximate index are reported.
"""

import numpy as np
import pyarrow.parquet as pq

from evaluation.baselines.popularity import most_popular
from evaluation.protocols import Table
from evaluation.traces import traced
from metrics import ranking
from models.hidden_items import hidden_items
from models.prepared import Interactions, PreparedData
from recipes.schema.recipe import Recipe
from runtime.candidates.exclusion import ALL
from runtime.candidates.item_index import build_index, exact_search, search
from runtime.plan import Plan
from runtime.rules.declared import NO_RULES
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

KS = (1, 5, 10, 50, 100)
COLUMNS = tuple(f"top-{k}" for k in KS)
#: For MovieLens-100K, random 80,000 / 20,000, nothing removed.
PUBLISHED = dict(zip(COLUMNS, (0.0010, 0.0087, 0.0212, 0.1218, 0.2334), strict=True))


def measure(
    recipe: Recipe,
    artifacts: Artifacts,
    data: PreparedData,
    plan: Plan,
) -> list[Table]:
    """Return the top-k accuracy of popularity, retrieval and funnel; see the module.

    Raises:
        ShortlistError: the recipe has no retriever, or ranks fewer candidates than the largest k.
    """
    if not recipe.retrieves or recipe.serving.candidates < max(KS):
        raise ShortlistError(
            f"expected a retriever and serving.candidates of at least {max(KS)} for the protocol "
            f"'top-k-accuracy', got retriever.kind '{recipe.retriever.kind}' and "
            f"{recipe.serving.candidates} candidates in '{recipe.name}'. Remove the protocol from "
            "evaluation.protocols."
        )
    test = data.interactions("test")
    users = np.unique(test.users)
    visible = data.interactions("train", "valid")
    seen = data.seen_beside(visible, Interactions.none())
    left_out = hidden_items(seen, recipe.serving.exclude, data.user_count)
    hidden = [left_out[user] for user in users]
    nothing = [np.array([], np.int64)] * len(users)
    asked = [data.raw_user_ids[user] for user in users]
    queries = np.concatenate(
        [
            plan.run(plan.columns(plan.request(asked[start : start + 256])))["query"]
            for start in range(0, len(asked), 256)
        ]
    )
    embeddings = np.stack(
        pq.read_table(artifacts.models.item_embeddings)["embedding"].to_numpy()
    ).astype(np.float32)
    absolute = recipe.retriever.absolute
    width = min(max(KS) + max(map(len, hidden)), len(embeddings))
    exact = exact_search(embeddings, queries, width, absolute=absolute)[0]
    index = build_index(embeddings, "approximate").faiss_index
    approximate = search(index, embeddings, queries, width)[0]
    found = ranking.recall(approximate, list(exact[:, : max(KS)]), max(KS)).mean()
    log.info(f"approximate index: found {found:.4f} of the {max(KS)} nearest items")
    funnel = traced(plan, asked, top_k=max(KS), rules=NO_RULES).item_rows

    def accuracy(lists: np.ndarray) -> dict[str, float]:
        return top_k_accuracy(lists, users, test)

    popular = "popularity"
    return [
        Table(
            "Top-k accuracy, nothing removed",
            COLUMNS,
            {
                "TFRS tutorial, as published": PUBLISHED,
                popular: accuracy(most_popular(visible, data.item_count, nothing, max(KS))),
                "retrieval, exact search": accuracy(exact),
                "retrieval, approximate": accuracy(approximate),
            },
        ),
        Table(
            "Top-k accuracy, training items removed"
            if recipe.serving.exclude == ALL
            else "Top-k accuracy, training items removed as serving.exclude says",
            COLUMNS,
            {
                popular: accuracy(most_popular(visible, data.item_count, hidden, max(KS))),
                "retrieval, exact search": accuracy(without(exact, hidden)),
                "retrieval, approximate": accuracy(without(approximate, hidden)),
                "funnel, as served": accuracy(funnel),
            },
        ),
    ]


def top_k_accuracy(lists: np.ndarray, users: np.ndarray, test: Interactions) -> dict[str, float]:
    """Return, by column, the share of ``test`` whose item is in the top k of its user's list.

    Args:
        lists: item rows int64 [users, n], best first, -1 pads.
        users: user row of each list, ascending.
    """
    own = lists[np.searchsorted(users, test.users)]
    hit = own == test.items[:, None]
    return {f"top-{k}": float(hit[:, :k].any(axis=1).mean()) for k in KS}


def without(lists: np.ndarray, hidden: list[np.ndarray]) -> np.ndarray:
    """Remove each user's hidden items from the lists, which keep their width, padded with -1."""
    left = np.full_like(lists, -1)
    for row, (items, taken) in enumerate(zip(lists, hidden, strict=True)):
        kept = items[~np.isin(items, taken)]
        left[row, : len(kept)] = kept
    return left
