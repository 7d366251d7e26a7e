"""The operators of the served graph, by the names that ``plan.json`` uses."""

from .adjust_scores import AdjustScores
from .allow_items import AllowItems, HideSeen
from .choose_search_vector import ChooseSearchVector
from .encode_item_ids import EncodeCandidates, EncodeExclusions
from .encode_user import EncodeUser
from .explain import Explain
from .filter_candidates import FilterCandidates
from .look_up_user import LookUpUser
from .operator import Column, Columns, Config, Operator
from .order import Order
from .query_tower import QueryTower
from .rank import KeepRetrievalScores, Rank
from .ranker_inputs import ComputeRankerFeatures, GatherItemFeatures
from .read_rules import ReadRules
from .retrieve import Retrieve, TakeCatalogue

OPERATORS: dict[str, type[Operator]] = {
    operator.name: operator
    for operator in (
        LookUpUser,
        EncodeUser,
        EncodeExclusions,
        EncodeCandidates,
        HideSeen,
        AllowItems,
        ReadRules,
        QueryTower,
        ChooseSearchVector,
        Retrieve,
        TakeCatalogue,
        FilterCandidates,
        GatherItemFeatures,
        ComputeRankerFeatures,
        Rank,
        KeepRetrievalScores,
        AdjustScores,
        Order,
        Explain,
    )
}

__all__ = [
    "OPERATORS",
    "AdjustScores",
    "AllowItems",
    "ChooseSearchVector",
    "Column",
    "Columns",
    "ComputeRankerFeatures",
    "Config",
    "EncodeCandidates",
    "EncodeExclusions",
    "EncodeUser",
    "Explain",
    "FilterCandidates",
    "GatherItemFeatures",
    "HideSeen",
    "KeepRetrievalScores",
    "LookUpUser",
    "Operator",
    "Order",
    "QueryTower",
    "Rank",
    "ReadRules",
    "Retrieve",
    "TakeCatalogue",
]
