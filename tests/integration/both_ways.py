"""The ranker's rows as training makes them, and the columns of the served plan for the same users."""

from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq

from ensemble.in_process import served_in_process
from models.item_models.arrays import candidate_arrays
from models.prepared import PreparedData
from models.training.candidate_rows import CandidateRows, Retrieval, candidate_rows
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts


@dataclass(frozen=True)
class BothWays:
    """``users``: rows of the users with test interactions, in the order of the ``served`` columns.

    ``trained``: the candidates that training would retrieve for them with the served queries.
    """

    data: PreparedData
    users: np.ndarray
    served: dict[str, np.ndarray]
    trained: CandidateRows

    def codes(self, rows: np.ndarray) -> list[int]:
        """The codes of item rows."""
        return self.data.items[self.data.item_id.name][rows].tolist()


def both_ways(recipe: Recipe, artifacts: Artifacts) -> BothWays:
    """Compute the candidates of every test user in the served plan and as for training."""
    data = PreparedData(artifacts.prepared)
    visible, test = data.interactions("train", "valid"), data.interactions("test")
    users = np.unique(test.users)
    with served_in_process(recipe, artifacts) as plan:
        served = plan.run(plan.columns(plan.request([data.raw_user_ids[user] for user in users])))
    queries = np.zeros((data.user_count, served["query"].shape[1]), np.float32)
    queries[users] = served["query"]
    items = np.stack(pq.read_table(artifacts.models.item_embeddings)["embedding"].to_numpy())
    retrieval = Retrieval(queries, items, visible, candidate_arrays(recipe, data, visible))
    return BothWays(data, users, served, candidate_rows(recipe, data, retrieval, test))
