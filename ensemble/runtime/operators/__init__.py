"""The operators of the served graph, by the names that ``plan.json`` uses."""

from .allow_items import AllowItems
from .cross_features import ComputeCrossFeatures
from .encode_candidates import EncodeCandidates
from .encode_exclusions import EncodeExclusions
from .encode_user import EncodeUser
from .explain import Explain
from .filter_candidates import FilterCandidates
from .gather_item_features import GatherItemFeatures
from .keep_retrieval_scores import KeepRetrievalScores
from .look_up_user import LookUpUser
from .operator import Column, Columns, Config, Operator
from .order import Order
from .prefer import Prefer
from .query_tower import QueryTower
from .rank import Rank
from .retrieve import Retrieve
from .seek import Seek
from .take_catalogue import TakeCatalogue

OPERATORS: dict[str, type[Operator]] = {
    operator.name: operator
    for operator in (
        LookUpUser,
        EncodeUser,
        EncodeExclusions,
        EncodeCandidates,
        AllowItems,
        QueryTower,
        Seek,
        Retrieve,
        TakeCatalogue,
        FilterCandidates,
        GatherItemFeatures,
        ComputeCrossFeatures,
        Rank,
        KeepRetrievalScores,
        Prefer,
        Order,
        Explain,
    )
}

__all__ = [
    "OPERATORS",
    "AllowItems",
    "Column",
    "Columns",
    "ComputeCrossFeatures",
    "Config",
    "EncodeCandidates",
    "EncodeExclusions",
    "EncodeUser",
    "Explain",
    "FilterCandidates",
    "GatherItemFeatures",
    "KeepRetrievalScores",
    "LookUpUser",
    "Operator",
    "Order",
    "Prefer",
    "QueryTower",
    "Rank",
    "Retrieve",
    "Seek",
    "TakeCatalogue",
]
