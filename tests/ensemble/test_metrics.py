"""Observability: this project's metrics in Triton, and log lines."""

import json
import os
import re
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from ensemble.triton.client import Client
from ensemble.triton.server import Server, running_server
from runtime.meters import COUNTERS, STAGE_SECONDS, STAGES, Meters, all_series
from stages.artifacts import Artifacts
from stages.errors import ShortlistError


def _metrics(server: Server) -> dict[str, float]:
    """Every metric of this project by name with labels, with all counts up to now."""
    time.sleep(1.2)  # counts reach Triton twice a second
    with urllib.request.urlopen(f"http://{server.address.metrics}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if line.startswith("shortlist_"))
    return {name: float(value) for name, _, value in pairs}


def test_requests_are_counted_by_release(server: Server) -> None:
    """Users, unknown users, refused requests, items before and after filtering."""
    before = _metrics(server)
    with Client(server.address.grpc) as client:
        client.recommend(["1", "2", "nobody"])
        with pytest.raises(ShortlistError):
            client.recommend(["1"], top_k=1000)
    after = _metrics(server)
    more = {name: after[name] - before[name] for name in after}
    assert more['shortlist_users_total{release="1"}'] == 3
    assert more['shortlist_unknown_users_total{release="1"}'] == 1
    assert more['shortlist_degraded_users_total{release="1"}'] == 0
    assert more['shortlist_refused_requests_total{release="1"}'] == 1
    assert more['shortlist_candidates_total{release="1"}'] == 3 * 50
    retrieved = more['shortlist_retrieved_total{release="1"}']
    assert retrieved > more['shortlist_candidates_total{release="1"}']


def test_every_stage_has_a_histogram(server: Server) -> None:
    """One observation per batch and stage; the stages add up to the total."""
    before = _metrics(server)
    with Client(server.address.grpc) as client:
        for _ in range(5):
            client.recommend(["1"])
    # The server reports a request shortly after it has answered.
    last = f'shortlist_stage_seconds_count{{release="1",stage="{STAGES[-1]}"}}'
    deadline = time.monotonic() + 10
    while (after := _metrics(server))[last] < before[last] + 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    seconds = {}
    for stage in STAGES:
        labels = f'{{release="1",stage="{stage}"}}'
        name = f"shortlist_stage_seconds_count{labels}"
        assert after[name] - before[name] == 5
        name = f'shortlist_stage_seconds_bucket{{le="+Inf",{labels[1:]}'
        assert after[name] - before[name] == 5
        name = f"shortlist_stage_seconds_sum{labels}"
        seconds[stage] = after[name] - before[name]
        assert seconds[stage] > 0
    assert sum(seconds.values()) == pytest.approx(2 * seconds["all"])


def test_a_bucket_counts_what_took_as_long_or_less() -> None:
    """As in Prometheus' histograms; what exceeds all bounds is only in ``+Inf``."""
    meters = Meters()
    columns = {
        "degraded": np.array([False]),
        "known_user": np.array([True]),
        "retrieved_rows": np.array([[4, -1]]),
        "candidate_rows": np.array([[-1, -1]]),
    }
    for seconds in (0.0001, 0.003, 0.02, 5.0):
        meters.batch({"rank": seconds}, columns)
    taken = meters.take()
    assert {
        dict(labels)["le"]: number
        for (name, labels), number in taken.items()
        if name == "shortlist_stage_seconds_bucket"
    } == {
        **dict.fromkeys(["0.0001", "0.00025", "0.0005", "0.001", "0.0025"], 1),
        **dict.fromkeys(["0.005", "0.01"], 2),
        **dict.fromkeys(["0.025", "0.05", "0.1", "0.25", "1.0"], 3),
        "+Inf": 4,
    }
    assert taken["shortlist_stage_seconds_sum", (("stage", "rank"),)] == pytest.approx(5.0231)
    assert taken["shortlist_users_total", ()] == 4
    assert set(taken) <= set(all_series())
    assert meters.take() == {}


def test_all_counters_are_there_before_anything_happens(server: Server) -> None:
    """Counters start at 0, so an alert finds them."""
    names = {name.partition("{")[0] for name in _metrics(server)}
    assert {*COUNTERS, *STAGE_SECONDS} <= names


def test_requests_are_logged_with_their_ids(
    artifacts: Artifacts, release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If enabled, the server writes a line of JSON for each request, with the request's id."""
    own = Artifacts(tmp_path / "made-up")
    own.root.mkdir()
    os.symlink(artifacts.model_repository, own.model_repository)
    monkeypatch.setenv("SHORTLIST_FEATURE_STORE", str(artifacts.feature_store))
    monkeypatch.setenv("SHORTLIST_LOG_REQUESTS", "1")
    with running_server(own, "made-up") as server, Client(server.address.grpc) as client:
        client.recommend(["1", "2"], request_id="order-7")
        lines = re.findall(r"^\{.*\}$", server.log.read_text(), re.M)
    found = [line for line in map(json.loads, lines) if line["request_id"] == "order-7"]
    assert len(found) == 1
    assert found[0]["event"] == "answered"
    assert found[0]["release"] == "1"
    assert found[0]["ms"] > 0
