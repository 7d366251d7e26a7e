"""The whole served graph, written with Merlin Systems' ``>>``, and its export as a plan."""

from dataclasses import asdict, dataclass
from typing import Any

import merlin.dtypes as md
from merlin.dag import Node, postorder_iter_nodes
from merlin.schema import ColumnSchema, Schema
from merlin.systems.dag import Ensemble

from ensemble.graph.operators import (
    AllowItems,
    ComputeCrossFeatures,
    EncodeCandidates,
    EncodeExclusions,
    EncodeUser,
    Explain,
    FilterCandidates,
    GatherItemFeatures,
    KeepRetrievalScores,
    LookUpUser,
    Order,
    Prefer,
    QueryTower,
    Rank,
    Retrieve,
    Seek,
    ServedOperator,
    TakeCatalogue,
)
from runtime.release import Release


@dataclass(frozen=True)
class GraphSettings:
    """What the graph takes from the recipe and from the trained models."""

    candidates: int
    #: Whether there is a query tower and an index; otherwise every item is a candidate.
    retrieves: bool
    #: Whether retrieval goes by the absolute value of the inner product.
    absolute: bool
    #: What brings candidates, by name.
    sources: tuple[str, ...]
    #: Whether there is a ranker; otherwise candidates keep the scores of retrieval.
    ranks: bool
    #: Raw user columns to look up.
    user_features: tuple[str, ...]
    #: Encoded item columns that the ranker reads -> array file of the release.
    item_arrays: dict[str, str]
    #: Numbers per candidate that the ranker reads, besides the retrieval score.
    cross_features: tuple[str, ...]
    #: Ranker input -> column.
    ranker_feeds: dict[str, str]


REQUEST = Schema(
    [
        ColumnSchema("user_id", dtype=md.string, dims=(None,)),
        ColumnSchema("top_k", dtype=md.int64, dims=(None,)),
        ColumnSchema("exclude_item_ids", dtype=md.string, dims=(None, None)),
        ColumnSchema("candidate_item_ids", dtype=md.string, dims=(None, None)),
        ColumnSchema("filter", dtype=md.string, dims=(None,)),
        ColumnSchema("user_features", dtype=md.object_, dims=(None,)),
        ColumnSchema("temperature", dtype=md.float32, dims=(None,)),
        ColumnSchema("seed", dtype=md.object_, dims=(None,)),
        ColumnSchema("diversity", dtype=md.float32, dims=(None,)),
        ColumnSchema("similar_to", dtype=md.string, dims=(None,)),
        ColumnSchema("explain", dtype=md.boolean, dims=(None,)),
        ColumnSchema("explain_item_ids", dtype=md.string, dims=(None, None)),
    ]
)


def recommender(release: Release, settings: GraphSettings) -> Ensemble:
    """Look up -> encode -> query tower -> retrieve -> filter -> gather -> rank -> order."""
    retrieves = settings.retrieves
    stored = ["user_id", "user_features"] >> LookUpUser(release, features=settings.user_features)
    user = stored + "user_id" >> EncodeUser(release)
    excluded = ["exclude_item_ids", "similar_to"] >> EncodeExclusions(release)
    given = ["candidate_item_ids"] >> EncodeCandidates(release)
    allowed = ["filter"] >> AllowItems(release)

    if retrieves:
        sought = (user >> QueryTower(release)) + "similar_to" >> Seek(release)
        retrieved = sought + user + excluded + given + allowed >> Retrieve(
            release,
            candidates=settings.candidates,
            absolute=settings.absolute,
            sources=settings.sources,
        )
    else:
        retrieved = given >> TakeCatalogue(release)
    candidates = retrieved + user + excluded + given + allowed >> FilterCandidates(
        release, candidates=settings.candidates
    )
    if settings.ranks:
        ranked = _ranked(release, settings, user, candidates)
    else:
        ranked = candidates >> KeepRetrievalScores(release)

    scored = ranked + candidates + ["user_id", "temperature", "seed"]
    preferred = (scored + sought if retrieves else scored) >> Prefer(release, retrieves=retrieves)
    answer = preferred + candidates + ["top_k", "diversity"] >> Order(release, retrieves=retrieves)
    happened = (
        retrieved + user + excluded + given + allowed + candidates + ranked + preferred + answer
    )
    happened += ["explain", "explain_item_ids", "filter"]
    explained = (happened + sought if retrieves else happened) >> Explain(
        release, retrieves=retrieves, sources=settings.sources
    )
    return Ensemble(answer + stored[["known_user", "degraded"]] + explained, REQUEST)


def _ranked(release: Release, settings: GraphSettings, user: Node, candidates: Node) -> Node:
    features = user + candidates
    if settings.item_arrays:
        features += candidates >> GatherItemFeatures(release, arrays=settings.item_arrays)
    if settings.cross_features:
        features += candidates + user >> ComputeCrossFeatures(
            release, features=settings.cross_features
        )

    return features >> Rank(release, feeds=settings.ranker_feeds)


def plan_nodes(ensemble: Ensemble) -> list[dict[str, Any]]:
    """The graph's operators with their settings, every node once, after all that it depends on.

    Raises:
        ValueError: two nodes make a column of the same name.
    """
    nodes, makers = [], dict[str, str]()
    for node in dict.fromkeys(postorder_iter_nodes(ensemble.graph.output_node)):
        if not isinstance(node.op, ServedOperator):
            continue  # a selection or a concatenation: the plan's columns have one namespace
        served = node.op.served
        for column in served.outputs:
            if column.name in makers:
                raise ValueError(
                    f"{served.name} and {makers[column.name]} both make column {column.name!r}"
                )
            makers[column.name] = served.name
        nodes.append({"operator": served.name, "config": asdict(served.config)})
    return nodes
