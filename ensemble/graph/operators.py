"""The runtime's operators as operators of a Merlin Systems graph, with input and output schemas."""

from typing import Any, ClassVar

import merlin.dtypes as md
from merlin.dag import BaseOperator, ColumnSelector, DataFormats
from merlin.schema import ColumnSchema, Schema
from merlin.table import TensorTable

from runtime import operators as runtime
from runtime.release import Release


class ServedOperator(BaseOperator):
    """A runtime operator in Merlin's graph: it receives the columns it reads and returns those it makes.

    Args:
        release: the files that the operator uses.
        settings: the fields of the runtime operator's config.
    """

    runtime_type: ClassVar[type[runtime.Operator]]

    def __init__(self, release: Release, **settings: Any) -> None:
        super().__init__()
        self.served = self.runtime_type(self.runtime_type.config_type(**settings), release)

    def compute_selector(
        self,
        input_schema: Schema,
        selector: ColumnSelector,
        parents_selector: ColumnSelector | None = None,
        dependencies_selector: ColumnSelector | None = None,
    ) -> ColumnSelector:
        return ColumnSelector(input_schema.column_names)

    def compute_input_schema(
        self,
        root_schema: Schema,
        parents_schema: Schema,
        deps_schema: Schema,
        selector: ColumnSelector,
    ) -> Schema:
        """The columns that the operator reads.

        Raises:
            ValueError: no upstream node makes one of them.
        """
        given = parents_schema + deps_schema
        missing = [name for name in self.served.inputs if name not in given.column_names]
        if missing:
            raise ValueError(
                f"expected the parents of {self.label} in the graph to make {missing}, "
                f"which it reads, got {given.column_names}"
            )
        return given.select_by_name(list(self.served.inputs))

    def compute_output_schema(
        self,
        input_schema: Schema,
        col_selector: ColumnSelector,
        prev_output_schema: Schema | None = None,
    ) -> Schema:
        return Schema(
            [
                ColumnSchema(
                    column.name,
                    dtype=md.string if column.dtype == "object" else column.dtype,
                    dims=(None, *column.shape),
                )
                for column in self.served.outputs
            ]
        )

    def transform(self, col_selector: ColumnSelector, transformable: TensorTable) -> TensorTable:
        return TensorTable(
            self.served.run({name: transformable[name].values for name in self.served.inputs})
        )

    @property
    def supported_formats(self) -> DataFormats:
        return DataFormats.NUMPY_TENSOR_TABLE


class LookUpUser(ServedOperator):
    runtime_type = runtime.LookUpUser


class EncodeUser(ServedOperator):
    runtime_type = runtime.EncodeUser


class EncodeExclusions(ServedOperator):
    runtime_type = runtime.EncodeExclusions


class EncodeCandidates(ServedOperator):
    runtime_type = runtime.EncodeCandidates


class HideSeen(ServedOperator):
    runtime_type = runtime.HideSeen


class AllowItems(ServedOperator):
    runtime_type = runtime.AllowItems


class ReadRules(ServedOperator):
    runtime_type = runtime.ReadRules


class QueryTower(ServedOperator):
    runtime_type = runtime.QueryTower


class ChooseSearchVector(ServedOperator):
    runtime_type = runtime.ChooseSearchVector


class Retrieve(ServedOperator):
    runtime_type = runtime.Retrieve


class TakeCatalogue(ServedOperator):
    runtime_type = runtime.TakeCatalogue


class FilterCandidates(ServedOperator):
    runtime_type = runtime.FilterCandidates


class GatherItemFeatures(ServedOperator):
    runtime_type = runtime.GatherItemFeatures


class ComputeRankerFeatures(ServedOperator):
    runtime_type = runtime.ComputeRankerFeatures


class Rank(ServedOperator):
    runtime_type = runtime.Rank


class KeepRetrievalScores(ServedOperator):
    runtime_type = runtime.KeepRetrievalScores


class AdjustScores(ServedOperator):
    runtime_type = runtime.AdjustScores


class Order(ServedOperator):
    runtime_type = runtime.Order


class Explain(ServedOperator):
    runtime_type = runtime.Explain
