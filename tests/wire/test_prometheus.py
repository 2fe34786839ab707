"""A real Prometheus reads what we expose, and finds in it what our rules and panels ask for."""

import re
import subprocess
from pathlib import Path

import pytest
from tests.wire.prometheus_peer import (
    CONFIG,
    RULES,
    metrics_in,
    needs_prometheus,
    panel_queries,
    prometheus,
    rule_queries,
    until,
)

from klaroen.configuration import settings_from
from klaroen.core.model import AttemptId, CarrierName
from klaroen.core.ports import Call
from klaroen.telemetry import (
    CarrierDepth,
    Depths,
    DispatchMetrics,
    EdgeMetrics,
    LaneDepth,
    exposition,
    serve_metrics,
)
from klaroen.telemetry.voice import VoiceMetrics

SETTINGS = settings_from({"carrier": [{"name": "a", "kind": "sim", "channels": ["sms"]}]})
QUERIES = {**panel_queries(), **{name: [query] for name, query in rule_queries().items()}}
PARTS = re.compile(r"_(bucket|sum|count)$")


def depths() -> Depths:
    return Depths(
        lanes={"warm": LaneDepth(alerts_active=1, deliveries={"ready": 95})},
        carriers={"a": CarrierDepth(up=True)},  # type: ignore[dict-item]
        disk_free_bytes=10**11,
    )


@pytest.fixture
def dispatch() -> DispatchMetrics:
    return DispatchMetrics(SETTINGS, depths)


@pytest.fixture
def edge() -> EdgeMetrics:
    metrics = EdgeMetrics(certificate_expires_at=4e9)
    metrics.answered("/v1/alerts", 202)
    return metrics


@pytest.fixture
def voice() -> VoiceMetrics:
    metrics = VoiceMetrics(lambda: {CarrierName("trunk"): 1}, lambda: 0.002)
    metrics.trunk(CarrierName("trunk")).told([Call(AttemptId("A"), "ended", 9.0)])
    return metrics


def labels_of(edge: EdgeMetrics, dispatch: DispatchMetrics, voice: VoiceMetrics) -> dict[str, set[str]]:
    dispatch.refused("R8")
    told: dict[str, set[str]] = {}
    for registry in (edge.registry, dispatch.registry, voice.registry):
        for family in registry.collect():
            for sample in family.samples:
                told.setdefault(sample.name, set()).update(sample.labels)
    return told


@pytest.mark.parametrize("name", QUERIES)
def test_every_metric_and_label_of_a_query_exists(
    name: str, edge: EdgeMetrics, dispatch: DispatchMetrics, voice: VoiceMetrics
) -> None:
    """A query of a name that nobody exposes is silent for ever."""
    told = labels_of(edge, dispatch, voice)
    for query in QUERIES[name]:
        assert metrics_in(query) <= set(told)
        for metric, matchers in re.findall(r"(klaroen_[a-z_]+)\{([^}]*)\}", query):
            assert set(re.findall(r"(\w+)[!=]=?~?\"", matchers)) <= told[metric]
        grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", query) for label in labels.split(",")}
        assert grouped <= set().union(*(told[metric] for metric in metrics_in(query)))


def test_every_promised_metric_is_shown_or_watched(
    edge: EdgeMetrics, dispatch: DispatchMetrics, voice: VoiceMetrics
) -> None:
    """What nobody looks at need not be measured."""
    asked = {PARTS.sub("", metric) for queries in QUERIES.values() for query in queries for metric in metrics_in(query)}
    assert {PARTS.sub("", name) for name in labels_of(edge, dispatch, voice)} == asked


@needs_prometheus
@pytest.mark.peer
@pytest.mark.parametrize("process", ["edge", "dispatch", "voice"])
def test_promtool_finds_no_fault_in_the_exposition(process: str, request: pytest.FixtureRequest) -> None:
    """Names, units, help texts and the format itself."""
    text = exposition(request.getfixturevalue(process).registry)
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (0, b"", b"") == (checked.returncode, checked.stdout, checked.stderr)


@needs_prometheus
@pytest.mark.peer
def test_promtool_takes_the_rules_and_the_scrape_configuration() -> None:
    """As shipped, side by side."""
    for what in (["rules", str(RULES)], ["config", str(CONFIG / "prometheus" / "prometheus.yml")]):
        checked = subprocess.run(["promtool", "check", *what], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_prometheus
@pytest.mark.peer
def test_a_real_prometheus_answers_every_panel(
    tmp_path: Path, edge: EdgeMetrics, dispatch: DispatchMetrics, voice: VoiceMetrics
) -> None:
    """Every panel has something to show, and on a healthy system no alert fires."""
    targets = [f"127.0.0.1:{serve_metrics(metrics.registry, '127.0.0.1:0')}" for metrics in (edge, dispatch, voice)]
    with prometheus(tmp_path, targets) as peer:
        until(peer.scraped, "all processes are scraped")

        def silent() -> set[str]:
            return {title for title, queries in panel_queries().items() for query in queries if not peer.query(query)}

        until(lambda: silent() == set(), "two scrapes make a rate, and every panel shows something")
        unread = {metric for query in rule_queries().values() for metric in metrics_in(query) if not peer.query(metric)}
        assert (set(), set()) == (unread, peer.firing())
