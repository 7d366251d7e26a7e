"""The operators of the served graph, by the names that ``plan.json`` uses."""

from .cross_features import ComputeCrossFeatures
from .encode_exclusions import EncodeExclusions
from .encode_user import EncodeUser
from .filter_candidates import FilterCandidates
from .gather_item_features import GatherItemFeatures
from .look_up_user import LookUpUser
from .operator import Column, Columns, Config, Operator
from .order import Order
from .query_tower import QueryTower
from .rank import Rank
from .retrieve import Retrieve

OPERATORS: dict[str, type[Operator]] = {
    operator.name: operator
    for operator in (
        LookUpUser,
        EncodeUser,
        EncodeExclusions,
        QueryTower,
        Retrieve,
        FilterCandidates,
        GatherItemFeatures,
        ComputeCrossFeatures,
        Rank,
        Order,
    )
}

__all__ = [
    "OPERATORS",
    "Column",
    "Columns",
    "ComputeCrossFeatures",
    "Config",
    "EncodeExclusions",
    "EncodeUser",
    "FilterCandidates",
    "GatherItemFeatures",
    "LookUpUser",
    "Operator",
    "Order",
    "QueryTower",
    "Rank",
    "Retrieve",
]
