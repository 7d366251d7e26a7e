"""Whether a retriever has learnt the two tastes of the made-up shop."""

import numpy as np
import pyarrow.parquet as pq

from models.prepared import Interactions, PreparedData
from models.retrievers.two_tower import TwoTower
from stages.columns import RAW_ID


def share_with_own_taste_first(
    data: PreparedData, two_tower: TwoTower, visible: Interactions
) -> float:
    """Share of customers whose unseen products of their own taste score higher than others on average."""
    queries = two_tower.embed_queries(data.queries(visible))
    scores = queries @ two_tower.embed_items(data.items).T
    past = visible.by_user(data.user_count)
    products = np.array(pq.read_table(data.files.items)[RAW_ID].to_pylist()).astype(int)
    right = []
    for user, raw in enumerate(data.raw_user_ids):
        own = (products - 1) // 20 == int(raw[1:]) % 2
        unseen = ~np.isin(np.arange(data.item_count), past[user])
        right.append(scores[user, own & unseen].mean() > scores[user, ~own & unseen].mean())
    return float(np.mean(right))
