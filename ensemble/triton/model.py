"""A release's ``model.py``: passes requests from Triton's Python backend to the plan."""

import gc
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils  # only exists inside Triton

#: Seconds between updates of Triton's metrics, which are too slow to update on every request.
METRICS_EVERY = 0.5

# A compiled copy of the runtime would be a file in the release that the manifest does not list.
sys.dont_write_bytecode = True


def _open_store(model_repository: Path, settings: dict[str, Any]) -> Any:
    """The feature store named by the environment, or else by the release. It need not be up yet."""
    from runtime.stores.open_store import open_store
    from runtime.stores.urls import is_url

    where = os.environ.get("SHORTLIST_FEATURE_STORE") or settings["where"]
    return open_store(
        where if is_url(where) else str(model_repository / where),
        recipe=settings["recipe"],
        deadline_s=settings["deadline_ms"] / 1000,
        read_only=True,
        kept=settings["kept"],
    )


class TritonPythonModel:
    """One instance: one process with one loaded plan."""

    def initialize(self, args: dict[str, str]) -> None:
        repository = Path(args["model_repository"])
        release = repository / args["model_version"]
        # A release runs the code that it carries, before any other package of the same name.
        sys.path.insert(0, str(release))
        from runtime import manifest

        manifest.verify(release)  # first: no file of the release is used unchecked
        from runtime import meters, plan, tensors
        from runtime.errors import RequestError

        self._tensors, self._request_error = tensors, RequestError
        store = _open_store(repository.parent, plan.read(release)["feature_store"])
        self._meters = meters.Meters()
        self._plan = plan.load_verified(release, store, self._meters)
        self._release = args["model_version"]
        self._logs_requests = os.environ.get("SHORTLIST_LOG_REQUESTS", "") not in ("", "0")
        self._metrics = _Metrics(meters, self._meters, self._release)
        # Loaded objects stay: a garbage collection that visits them delays a request by 15 ms or more.
        gc.collect()
        gc.freeze()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer all requests that Triton passes, as one batch; a bad one fails alone."""
        began = time.perf_counter()
        responses: list[Any] = [None] * len(requests)
        accepted, places = [], []
        for place, request in enumerate(requests):
            try:
                arrays = {each.name(): each.as_numpy() for each in request.inputs()}
                accepted.append(self._plan.checked(self._tensors.batch_of(arrays)))
                places.append(place)
            except Exception as error:
                responses[place] = self._failed(error, request)
        for place, response in zip(
            places, self._answer(accepted, [requests[place] for place in places]), strict=True
        ):
            responses[place] = response
        if self._logs_requests:
            for request in requests:
                milliseconds = round((time.perf_counter() - began) * 1000, 3)
                self._log("answered", request, ms=milliseconds, together=len(requests))
        return responses

    def finalize(self) -> None:
        self._metrics.stop()

    def _answer(self, questions: list[Any], requests: list[Any]) -> list[Any]:
        if not questions:
            return []
        try:
            answers = self._plan.answer(questions)
            return [
                self._response(answer, request)
                for answer, request in zip(answers, requests, strict=True)
            ]
        except Exception as error:
            if len(questions) == 1:
                return [self._failed(error, requests[0])]
            # Answer them one by one: only the bad one fails.
            return [
                response
                for each, request in zip(questions, requests, strict=True)
                for response in self._answer([each], [request])
            ]

    def _response(self, answers: Any, request: Any) -> Any:
        wanted = request.requested_output_names()
        arrays = self._tensors.outputs_of(answers)
        tensors = [pb_utils.Tensor(name, arrays[name]) for name in arrays if name in wanted]
        return pb_utils.InferenceResponse(output_tensors=tensors)

    def _failed(self, error: Exception, request: Any) -> Any:
        if isinstance(error, self._request_error):
            self._meters.count("shortlist_refused_requests_total")
            code = pb_utils.TritonError.INVALID_ARG
        else:
            self._meters.count("shortlist_failed_requests_total")
            self._log("failed", request, error=repr(error))
            code = pb_utils.TritonError.INTERNAL
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error), code))

    def _log(self, event: str, request: Any, **facts: Any) -> None:
        """Write one line of JSON to the server's log."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "event": event,
            "request_id": request.request_id(),
            "release": self._release,
            **facts,
        }
        print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)


class _Metrics:
    """Passes counts to Triton's metrics endpoint from a separate thread."""

    def __init__(self, names: Any, meters: Any, release: str) -> None:
        family = pb_utils.MetricFamily
        self._meters = meters
        self._families = {
            name: family(name=name, description=text, kind=family.COUNTER)
            for name, text in (names.COUNTERS | names.STAGE_SECONDS).items()
        }
        self._counters = {
            (name, labels): self._families[name].Metric(labels={"release": release, **dict(labels)})
            for name, labels in names.all_series()
        }
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(METRICS_EVERY):
            for series, more in self._meters.take().items():
                self._counters[series].increment(more)
