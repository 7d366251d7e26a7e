"""The whole served graph, written with Merlin Systems' ``>>``, and its export as a plan."""

from dataclasses import asdict, dataclass
from typing import Any

import merlin.dtypes as md
from merlin.dag import Node, postorder_iter_nodes
from merlin.dag.ops.concat_columns import ConcatColumns
from merlin.dag.ops.selection import SelectionOp
from merlin.dag.ops.subset_columns import SubsetColumns
from merlin.schema import ColumnSchema, Schema
from merlin.systems.dag import Ensemble

from ensemble.graph.operators import (
    AdjustScores,
    AllowItems,
    ChooseSearchVector,
    ComputeRankerFeatures,
    EncodeCandidates,
    EncodeExclusions,
    EncodeUser,
    Explain,
    FilterCandidates,
    GatherItemFeatures,
    HideSeen,
    KeepRetrievalScores,
    LookUpUser,
    Order,
    QueryTower,
    Rank,
    ReadRules,
    Retrieve,
    ServedOperator,
    TakeCatalogue,
)
from runtime.candidates.exclusion import Exclude
from runtime.release import Release
from runtime.request_options import OPTIONS


@dataclass(frozen=True)
class GraphSettings:
    """The settings of the graph, from the recipe and the trained models."""

    candidates: int
    #: Whether there is a query tower and an item index; otherwise every item is a candidate.
    retrieves: bool
    #: Whether retrieval uses the absolute value of the inner product.
    absolute: bool
    #: The candidate generators, by name.
    generators: tuple[str, ...]
    #: Whether a generator or ranker feature counts how often a user had an item.
    reads_repeats: bool
    #: Which of the items that a user had are hidden.
    exclude: Exclude
    #: Whether there is a ranker; otherwise candidates keep their retrieval scores.
    ranks: bool
    #: Raw user columns to look up.
    user_features: tuple[str, ...]
    #: The version of the records in the feature store.
    records: str
    #: The kinds of recorded events of the history, and those after which an item is seen. None: every kind.
    history_kinds: tuple[str, ...] | None
    seen_kinds: tuple[str, ...] | None
    #: Encoded item columns that the ranker reads -> array file of the release.
    item_arrays: dict[str, str]
    #: Ranker features of each candidate, besides the retrieval score.
    ranker_features: tuple[str, ...]
    #: Input of the query tower, and of the ranker -> column.
    query_feeds: dict[str, str]
    ranker_feeds: dict[str, str]
    #: Whether the ranker's scores are probabilities.
    probabilities: bool
    #: The recipe's business rules (``runtime.rules``).
    rules: dict[str, Any]


_DTYPES = {
    "text": md.string,
    "json": md.object_,
    "bool": md.boolean,
    "int32": md.int64,
    "int64": md.object_,
    "float": md.float32,
}
#: The input of the graph, one column per request option.
REQUEST = Schema(
    [
        ColumnSchema(
            option.name,
            dtype=_DTYPES[option.type],
            dims=(None, None) if option.several else (None,),
        )
        for option in OPTIONS
    ]
)


def recommender(release: Release, settings: GraphSettings) -> Ensemble:
    """Look up -> encode -> query tower -> retrieve -> filter -> gather -> rank -> order."""
    retrieves = settings.retrieves
    stored = ["user_id", "user_features"] >> LookUpUser(
        release,
        features=settings.user_features,
        records=settings.records,
        history_kinds=settings.history_kinds,
        seen_kinds=settings.seen_kinds,
    )
    user = stored + "user_id" >> EncodeUser(release, reads_repeats=settings.reads_repeats)
    excluded = ["exclude_item_ids", "similar_to"] >> EncodeExclusions(release)
    requested = ["candidate_item_ids"] >> EncodeCandidates(release)
    hidden = user + requested + "include_seen" >> HideSeen(release, exclude=settings.exclude)
    allowed = ["filter"] >> AllowItems(release)
    ruled = ["rules"] >> ReadRules(release, rules=settings.rules)

    if retrieves:
        query = user >> QueryTower(release, feeds=settings.query_feeds)
        searched = query + "similar_to" >> ChooseSearchVector(release)
        retrieved = searched + user + hidden + excluded + requested + allowed + ruled >> Retrieve(
            release,
            candidates=settings.candidates,
            absolute=settings.absolute,
            generators=settings.generators,
        )
    else:
        retrieved = requested + ruled >> TakeCatalogue(release)
    candidates = retrieved + hidden + excluded + requested + allowed + ruled >> FilterCandidates(
        release, candidates=settings.candidates
    )
    if settings.ranks:
        ranked = _ranked(release, settings, user, candidates)
    else:
        ranked = candidates >> KeepRetrievalScores(release)

    scored = ranked + candidates + ruled + ["user_id", "temperature", "seed"]
    final = (scored + searched if retrieves else scored) >> AdjustScores(
        release, retrieves=retrieves, probabilities=settings.probabilities
    )
    answer = final + candidates + ruled + ["top_k", "diversity"] >> Order(
        release, retrieves=retrieves
    )
    happened = retrieved + hidden + excluded + requested + allowed + ruled + candidates
    happened += ranked + final + answer
    happened += ["explain", "explain_item_ids", "filter"]
    explained = (happened + searched if retrieves else happened) >> Explain(
        release, retrieves=retrieves, generators=settings.generators
    )
    return Ensemble(answer + stored[["known_user", "degraded"]] + explained, REQUEST)


def _ranked(release: Release, settings: GraphSettings, user: Node, candidates: Node) -> Node:
    features = user + candidates
    if settings.item_arrays:
        features += candidates >> GatherItemFeatures(release, arrays=settings.item_arrays)
    if settings.ranker_features:
        features += candidates + user >> ComputeRankerFeatures(
            release, features=settings.ranker_features
        )

    return features >> Rank(release, feeds=settings.ranker_feeds)


def plan_nodes(ensemble: Ensemble) -> list[dict[str, Any]]:
    """The graph's operators with their settings, each node once, after all nodes that it depends on.

    Raises:
        ValueError: a node cannot be exported, or two nodes make a column of the same name.
    """
    nodes, makers = [], dict[str, str]()
    for node in dict.fromkeys(postorder_iter_nodes(ensemble.graph.output_node)):
        if isinstance(node.op, SelectionOp | ConcatColumns | SubsetColumns) or node.op is None:
            continue  # the plan needs none: its columns share one namespace
        if not isinstance(node.op, ServedOperator):
            raise ValueError(
                "expected only operators of ensemble.graph.operators in the graph, "
                f"got {node.op.label}; wrap it as a ServedOperator"
            )
        served = node.op.served
        for column in served.outputs:
            if column.name in makers:
                raise ValueError(
                    f"expected one operator to make the column {column.name!r}, "
                    f"got {makers[column.name]} and {served.name}"
                )
            makers[column.name] = served.name
        nodes.append({"operator": served.name, "config": asdict(served.config)})
    return nodes
