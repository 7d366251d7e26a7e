"""``nvtabular.Workflow.fit`` with less computation.

Replaces ``DaskExecutor.fit`` of merlin-core 23.8 (merlin/dag/executors.py:437), which makes a task for
each column of each partition (line 494) and encodes the first partition only to learn its types (line
489), which fails if all of its lists are empty. Delete this shim when a Merlin release does neither.
"""

import dask
from merlin.dag import ColumnSelector
from merlin.dag.executors import DaskExecutor
from merlin.dag.graph import Graph
from merlin.io import Dataset
from nvtabular import Workflow
from nvtabular.ops import StatOperator


def fit(workflow: Workflow, rows: Dataset) -> None:
    """Fit every operator of ``workflow`` on ``rows``, in the order of the graph.

    An operator fits all of its columns together, with one task per partition instead of one per column.
    Types are those of the schema.
    """
    executor, frame = DaskExecutor(), rows.to_ddf()
    of_type = Graph.get_nodes_by_op_type
    workflow.fit_schema(rows.schema)
    waiting = {
        node: of_type(node.parents_with_dependencies, StatOperator)
        for node in of_type([workflow.output_node], StatOperator)
    }
    while waiting:
        ready = [node for node, before in waiting.items() if not waiting.keys() & set(before)]
        operators = list({id(node.op): node.op for node in ready}.values())
        statistics = []
        for operator in operators:
            its = [node for node in ready if node.op is operator]
            columns = [name for node in its for name in node.input_columns.names]
            parents = [parent for node in its for parent in node.parents_with_dependencies]
            inputs = executor.transform(frame, parents)
            statistics.append(operator.fit(ColumnSelector(columns), inputs))
        for operator, found in zip(operators, dask.compute(*statistics), strict=True):
            operator.fit_finalize(found)
            operator.fitted = True
        for node in ready:
            del waiting[node]
    workflow.fit_schema(rows.schema)  # the schema now includes fitted properties
