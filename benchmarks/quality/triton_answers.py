"""Metrics of a real Triton's answers, and whether they equal those of the funnel in this process."""

import numpy as np

from ensemble.in_process import served_in_process
from ensemble.releases.export import export
from ensemble.triton.client import Client
from ensemble.triton.server import running_server
from metrics import ranking
from models.prepared import PreparedData
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts

USERS_A_REQUEST = 64


def asked_through_triton(
    recipe: Recipe, artifacts: Artifacts, k: int
) -> dict[str, dict[str, float]]:
    """Metrics at k of ``funnel, through Triton``: requests every user with a test item over gRPC.

    Raises:
        SystemExit: an answer differs from that of the same release in this process.
    """
    data = PreparedData(artifacts.prepared)
    wanted = data.interactions("test").by_user(data.user_count)
    users = [row for row, items in enumerate(wanted) if len(items)]
    asked = [data.raw_user_ids[row] for row in users]
    export(recipe, artifacts, force=False)
    with running_server(artifacts, recipe.name) as server, Client(server.address.grpc) as client:
        parts = [
            client.recommend(asked[start : start + USERS_A_REQUEST], top_k=k).item_ids
            for start in range(0, len(asked), USERS_A_REQUEST)
        ]
    answers = np.concatenate(parts)
    with served_in_process(recipe, artifacts) as plan:
        here = plan.recommend(asked, top_k=k).item_ids
    if differing := int((answers != here).any(axis=1).sum()):
        raise SystemExit(
            f"expected Triton to answer as this process does, got other answers for {differing} of "
            f"{len(asked)} users"
        )
    row_of = {raw_id: row for row, raw_id in enumerate(data.raw_item_ids)}
    ranked = np.array([[row_of.get(item, -1) for item in answer] for answer in answers.tolist()])
    relevant = [np.unique(wanted[row]) for row in users]
    return {"funnel, through Triton": ranking.at_each_k(ranked, relevant, (k,))}
