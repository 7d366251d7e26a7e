"""``model.py`` of the stock graph: runs Merlin's executor, as Merlin's own Triton model does."""

import json
import sys
from pathlib import Path
from typing import Any


class TritonPythonModel:
    """Builds the graph at load time; runs it for every request."""

    def initialize(self, args: dict[str, str]) -> None:
        parameters = json.loads(args["model_config"])["parameters"]
        root, artifacts, recipe, parts, way = (
            parameters[name]["string_value"]
            for name in ("root", "artifacts", "recipe", "parts", "way")
        )
        sys.path.insert(0, root)
        from benchmarks.serving.stock_graph import stock_graph  # isort: skip  (must be first)
        from merlin.dag import postorder_iter_nodes

        from recipes.load import load
        from stages.artifacts import Artifacts

        self.ensemble = stock_graph(
            load(recipe),
            Artifacts(Path(artifacts)),
            Path(parts),
            way,
        )
        for node in postorder_iter_nodes(self.ensemble.graph.output_node, flatten_subgraphs=True):
            node.op.load_artifacts("")

    def execute(self, requests: list[Any]) -> list[Any]:
        from merlin.systems.dag.runtimes.triton import TritonExecutorRuntime
        from merlin.systems.triton.conversions import (
            tensor_table_to_triton_response,
            triton_request_to_tensor_table,
        )

        ensemble, responses = self.ensemble, []
        for request in requests:
            inputs = triton_request_to_tensor_table(request, ensemble.input_schema)
            outputs = ensemble.transform(inputs, runtime=TritonExecutorRuntime())
            responses.append(tensor_table_to_triton_response(outputs, ensemble.output_schema))
        return responses
