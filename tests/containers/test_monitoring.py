"""Prometheus and Grafana query metrics that a real Triton exposes."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ensemble.triton.client import Client
from ensemble.triton.server import Server

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "docs" / "monitoring"
GRAFANA = MONITORING / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboards" / "serving.json").read_text())
#: Words that a query may contain besides names of metrics and labels.
WORDS = {"sum", "rate", "by", "histogram_quantile"}


def _queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def _names(query: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels that a query names."""
    query = query.replace("[$__rate_interval]", "")
    labels = {name for names in re.findall(r"by \(([^)]*)\)", query) for name in names.split(", ")}
    return set(re.findall(r"[A-Za-z_]\w*", query)) - WORDS - labels, labels


@pytest.fixture(scope="module")
def exposed(server: Server) -> dict[str, set[str]]:
    """Every metric of a Triton that has answered a request, with its labels."""
    with Client(server.address.grpc) as client:
        client.recommend(["1"])
    with urllib.request.urlopen(f"http://{server.address.metrics}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    metrics: dict[str, set[str]] = {}
    for line in lines:
        if not line.startswith("#") and line:
            name, _, rest = line.partition("{")
            labels = re.findall(r'(\w+)="', rest)
            metrics.setdefault(name.split()[0], set()).update(labels)
    return metrics


def test_names_are_found_in_queries() -> None:
    """``_names`` finds metrics, also misspelt ones, and labels."""
    query = "sum by (reason, model) (rate(nv_a[$__rate_interval])) / sum(nv_b) / 1000"
    assert _names(query) == ({"nv_a", "nv_b"}, {"reason", "model"})
    assert _names("histogram(nv_a)")[0] == {"histogram", "nv_a"}


@pytest.mark.parametrize("query", [*_queries()])
def test_a_query_names_what_triton_exposes(query: str, exposed: dict[str, set[str]]) -> None:
    """Each metric of the dashboard is there once a model serves, with the labels it is grouped by."""
    metrics, labels = _names(query)
    assert metrics
    assert metrics <= exposed.keys()
    assert all(labels <= exposed[metric] for metric in metrics)


def test_the_dashboard_shows_requests_and_their_time() -> None:
    """The two counters that matter most are on it, and every panel has a query and its own place."""
    named = set().union(*(_names(query)[0] for query in _queries()))
    assert {"nv_inference_request_success", "nv_inference_request_duration_us"} <= named
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    assert all(panel["targets"] and panel["title"] for panel in panels)


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    """The panels' source is the provisioned one, at the service's port; files are where Grafana looks."""
    provisioning = GRAFANA / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    wanted = {"type": source["type"], "uid": source["uid"]}
    assert all(panel["datasource"] == wanted for panel in DASHBOARD["panels"])
    services = yaml.safe_load((ROOT / "compose.yml").read_text())["services"]
    host, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()  # type: ignore[union-attr]
    assert services[host]["ports"] == [f"127.0.0.1:{port}:{port}"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "dashboards.yml").read_text())[
        "providers"
    ]
    mounts = [volume.split(":") for volume in services["grafana"]["volumes"]]
    held = {target: ROOT / source for source, target, _ in mounts}
    assert held[provider["options"]["path"]] == GRAFANA / "dashboards"
    assert held["/etc/grafana/provisioning"] == provisioning
    home = Path(services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (held[str(home.parent)] / home.name).is_file()


def test_prometheus_asks_triton_at_its_metrics_port() -> None:
    """The scraped address is a service's name and the metrics port of its command line."""
    prometheus = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    services = yaml.safe_load((ROOT / "compose.yml").read_text())["services"]
    ((target,),) = [
        static["targets"]
        for job in prometheus["scrape_configs"]
        for static in job["static_configs"]
    ]
    host, port = target.split(":")
    assert f"--metrics-port={port}" in services[host]["command"]
    source = yaml.safe_load(
        (GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text()
    )["datasources"][0]
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]
