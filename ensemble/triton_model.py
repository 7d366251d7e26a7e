"""A release's ``model.py``: hands requests from Triton's Python backend to the plan."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils  # only exists inside Triton

RUNTIME = "shortlist_runtime"

# A compiled copy of the runtime would be a file of the release that no manifest knows.
sys.dont_write_bytecode = True


def _import_runtime(release: Path) -> None:
    """Make the release's own ``runtime/`` importable: a release runs the code it came with."""
    folder = release / "runtime"
    spec = importlib.util.spec_from_file_location(
        RUNTIME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[RUNTIME] = module
    spec.loader.exec_module(module)


class TritonPythonModel:
    """One instance: one process, one loaded plan."""

    def initialize(self, args: dict[str, str]) -> None:
        repository = Path(args["model_repository"])
        release = repository / args["model_version"]
        _import_runtime(release)
        # The manifest first: no file of the release is used before it is checked.
        importlib.import_module(f"{RUNTIME}.manifest").verify(release)
        plan = importlib.import_module(f"{RUNTIME}.plan")
        sqlite_store = importlib.import_module(f"{RUNTIME}.sqlite_store")
        self._request = importlib.import_module(f"{RUNTIME}.request").Request
        self._request_error = importlib.import_module(f"{RUNTIME}.errors").RequestError
        named = os.environ.get("SHORTLIST_FEATURE_STORE")
        store = Path(named) if named else repository.parent / plan.read(release)["feature_store"]
        self._plan = plan.load_verified(
            release, sqlite_store.SqliteFeatureStore(store, read_only=True)
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer all requests that Triton hands over, in one pass; a bad one fails alone."""
        responses: list[Any] = [None] * len(requests)
        asked, places = [], []
        for place, request in enumerate(requests):
            try:
                asked.append(self._read(request))
                places.append(place)
            except self._request_error as error:
                responses[place] = _refusal(error, pb_utils.TritonError.INVALID_ARG)
            except Exception as error:
                responses[place] = _failure(error)
        for place, response in zip(places, self._answer(asked), strict=True):
            responses[place] = response
        return responses

    def _read(self, request: Any) -> Any:
        tensors = [
            pb_utils.get_input_tensor_by_name(request, name)
            for name in ("user_id", "top_k", "exclude_item_ids", "candidate_item_ids")
        ]
        arrays = [None if tensor is None else tensor.as_numpy() for tensor in tensors]
        return self._request.from_tensors(*arrays, self._plan.top_k, self._plan.candidates)

    def _answer(self, asked: list[Any]) -> list[Any]:
        if not asked:
            return []
        try:
            return [_response(answers) for answers in self._plan.answer(asked)]
        except Exception as error:
            if len(asked) == 1:
                return [_failure(error)]
            # One by one, so that only the guilty one fails.
            return [response for each in asked for response in self._answer([each])]


def _response(answers: Any) -> Any:
    return pb_utils.InferenceResponse(
        output_tensors=[
            pb_utils.Tensor("item_ids", np.ascontiguousarray(answers.item_ids)),
            pb_utils.Tensor("scores", np.ascontiguousarray(answers.scores)),
            pb_utils.Tensor("known_user", np.ascontiguousarray(answers.known_user[:, None])),
        ]
    )


def _failure(error: Exception) -> Any:
    pb_utils.Logger.log_error(f"request failed: {error!r}")
    return _refusal(error, pb_utils.TritonError.INTERNAL)


def _refusal(error: Exception, code: int) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error), code))
