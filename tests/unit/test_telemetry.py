"""What Prometheus gets to read: the promised names, from the start, and never a member."""

import re
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from klaroen.configuration import settings_from
from klaroen.core.model import AttemptId, CarrierName
from klaroen.core.ports import Accepted, Answer, Call, Fault, Receipt, Refused, Unknown, Unsent
from klaroen.settings import Settings
from klaroen.telemetry import (
    CONTENT_TYPE,
    CarrierDepth,
    Depths,
    DispatchMetrics,
    EdgeMetrics,
    LaneDepth,
    exposition,
    serve_metrics,
)
from klaroen.telemetry.durations import LONG_S, SHORT_S, Durations, Series
from klaroen.telemetry.speech import SpeechEngines
from klaroen.telemetry.voice import VoiceMetrics

PROMISED_OF_DISPATCH = {
    "klaroen_alerts_accepted_total",
    "klaroen_first_handover_seconds",
    "klaroen_handover_seconds",
    "klaroen_reached_seconds",
    "klaroen_deliveries_total",
    "klaroen_attempts_total",
    "klaroen_receipts_total",
    "klaroen_alerts_active",
    "klaroen_queue_deliveries",
    "klaroen_oldest_pending_seconds",
    "klaroen_audit_findings",
    "klaroen_audit_seconds",
    "klaroen_inbox_seconds",
    "klaroen_carrier_up",
    "klaroen_carrier_breaker",
    "klaroen_carrier_condition",
    "klaroen_carrier_window_used",
    "klaroen_lines_used",
    "klaroen_calls_total",
    "klaroen_call_setup_seconds",
    "klaroen_call_billed_seconds_total",
    "klaroen_store_commit_seconds",
    "klaroen_orphan_receipts",
    "klaroen_orphan_receipts_dropped_total",
    "klaroen_possible_duplicates_total",
    "klaroen_refused_total",
    "klaroen_replies_total",
    "klaroen_cost_euros_total",
    "klaroen_disk_free_bytes",
    "klaroen_alerts_without_feedback",
    "klaroen_heartbeat_seconds",
    "klaroen_build_info",
}
PROMISED_OF_EDGE = {
    "klaroen_accept_seconds",
    "klaroen_http_requests_total",
    "klaroen_certificate_expiry_seconds",
    "klaroen_heartbeat_seconds",
    "klaroen_build_info",
}
LABELS = {"class", "channel", "carrier", "outcome", "state", "rule", "process", "route", "status", "mode"}


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def settings() -> Settings:
    return settings_from({"carrier": [{"name": "a", "kind": "sim", "channels": ["sms", "tts"]}]})


@pytest.fixture
def clock() -> Clock:
    return Clock()


def names(registry: CollectorRegistry) -> set[str]:
    return set(re.findall(r"(?m)^# TYPE (\S+)", exposition(registry).decode()))


def lines(registry: CollectorRegistry) -> list[str]:
    return exposition(registry).decode().splitlines()


def test_the_promised_names_and_no_others(settings: Settings) -> None:
    """Dashboards and alert rules of operators rest on them."""
    assert PROMISED_OF_DISPATCH == names(DispatchMetrics(settings, Depths).registry)
    assert PROMISED_OF_EDGE == names(EdgeMetrics(certificate_expires_at=1.0).registry)


def test_labels_are_bounded(settings: Settings) -> None:
    """Never a member, a number or a network."""
    dispatch, edge = DispatchMetrics(settings, full_depths), EdgeMetrics(1.0)
    dispatch.refused("R8")
    edge.answered("/v1/alerts", 202)
    told = {
        label
        for registry in (dispatch.registry, edge.registry)
        for family in registry.collect()
        for sample in family.samples
        for label in sample.labels
    }
    assert told == LABELS | {"le", "version"}


def full_depths() -> Depths:
    return Depths(
        lanes={"warm": LaneDepth(alerts_active=2, deliveries={"ready": 95}, oldest_pending_s=1.5)},
        carriers={"a": CarrierDepth(up=True, breaker="open", condition="slow", window_used=7)},  # type: ignore[dict-item]
        inbox_s=0.25,
        orphan_receipts=3,
        disk_free_bytes=10**9,
        findings={"fold": 2},
        audit_s=1.5,
    )


def test_depths_are_read_when_somebody_scrapes(settings: Settings) -> None:
    """A lane that says nothing is empty."""
    depths = [Depths(), full_depths()]
    metrics = DispatchMetrics(settings, lambda: depths[0])
    assert 'klaroen_queue_deliveries{class="warm",state="ready"} 0.0' in lines(metrics.registry)
    depths.pop(0)
    assert {
        'klaroen_queue_deliveries{class="warm",state="ready"} 95.0',
        'klaroen_queue_deliveries{class="crisis",state="ready"} 0.0',
        'klaroen_alerts_active{class="warm"} 2.0',
        'klaroen_oldest_pending_seconds{class="warm"} 1.5',
        'klaroen_carrier_up{carrier="a"} 1.0',
        'klaroen_carrier_breaker{carrier="a"} 2.0',
        'klaroen_carrier_condition{carrier="a",state="slow"} 1.0',
        'klaroen_carrier_window_used{carrier="a"} 7.0',
        'klaroen_audit_findings{rule="fold"} 2.0',
        "klaroen_audit_seconds 1.5",
        "klaroen_inbox_seconds 0.25",
        "klaroen_orphan_receipts 3.0",
        "klaroen_disk_free_bytes 1e+09",
    } <= set(lines(metrics.registry))


def test_series_of_configured_carriers_exist_from_the_start(settings: Settings) -> None:
    """A rate over a series that appears with its first event misses that event."""
    metrics = DispatchMetrics(settings, Depths)
    assert {
        'klaroen_attempts_total{carrier="a",channel="tts",outcome="unknown"} 0.0',
        'klaroen_receipts_total{carrier="a",state="reached"} 0.0',
        'klaroen_possible_duplicates_total{carrier="a"} 0.0',
        'klaroen_orphan_receipts_dropped_total{carrier="a"} 0.0',
        'klaroen_cost_euros_total{carrier="a",channel="sms"} 0.0',
        'klaroen_deliveries_total{channel="sms",class="cold",mode="drill",state="unreachable"} 0.0',
        'klaroen_handover_seconds_count{channel="tts",class="crisis"} 0.0',
        'klaroen_alerts_accepted_total{class="warm",mode="live"} 0.0',
    } <= set(lines(metrics.registry))


def test_children_are_bound_once(settings: Settings) -> None:
    """What is counted through the bound children is what is exposed."""
    metrics = DispatchMetrics(settings, Depths)
    metrics.carriers["a"].attempts["sms", "accepted"].inc(1000)  # type: ignore[index]
    metrics.lanes["warm", "sms"].handover.observe(0.3, 1000)
    metrics.refused(None)
    assert {
        'klaroen_attempts_total{carrier="a",channel="sms",outcome="accepted"} 1000.0',
        'klaroen_handover_seconds_bucket{channel="sms",class="warm",le="0.25"} 0.0',
        'klaroen_handover_seconds_bucket{channel="sms",class="warm",le="0.5"} 1000.0',
        'klaroen_handover_seconds_count{channel="sms",class="warm"} 1000.0',
        'klaroen_handover_seconds_sum{channel="sms",class="warm"} 300.0',
        'klaroen_refused_total{rule="unknown"} 1.0',
    } <= set(lines(metrics.registry))


def test_a_heartbeat_ages_until_the_loop_turns(clock: Clock) -> None:
    """A loop that is stuck shows itself, since the age is read from outside."""
    metrics = EdgeMetrics(clock=clock)
    clock.seconds += 20
    assert 'klaroen_heartbeat_seconds{process="edge"} 20.0' in lines(metrics.registry)
    metrics.vitals.beat()
    assert 'klaroen_heartbeat_seconds{process="edge"} 0.0' in lines(metrics.registry)


def test_a_certificate_runs_out(clock: Clock) -> None:
    """Known only where TLS is served here."""
    assert "klaroen_certificate_expiry_seconds 60.0" in lines(EdgeMetrics(160.0, wall_clock=clock).registry)
    assert "klaroen_certificate_expiry_seconds" not in names(EdgeMetrics().registry)


def test_routes_are_patterns() -> None:
    """What no route takes is one series, however many paths are tried."""
    metrics = EdgeMetrics()
    for _ in range(2):
        metrics.answered(None, 404)
    assert 'klaroen_http_requests_total{route="other",status="404"} 2.0' in lines(metrics.registry)


# --- durations -------------------------------------------------------------------------------------------------------


def test_a_duration_falls_into_the_bucket_that_its_bound_closes() -> None:
    """Prometheus' `le`: less or equal."""
    series = Series((1.0, 2.0))
    for seconds in (0.5, 1.0, 1.5, 2.0, 2.5):
        series.observe(seconds)
    assert ([2, 2, 1], 7.5) == (series.counts, series.sum_s)


def test_a_step_back_of_the_clock_is_no_time() -> None:
    """A sum that falls would look like a restart."""
    series = Series((1.0,))
    series.observe(-5.0)
    assert ([1, 0], 0.0) == (series.counts, series.sum_s)


def test_a_series_is_made_once() -> None:
    """Asking again gives the same one."""
    durations = Durations("klaroen_x_seconds", "X.", ["class"], (1.0,), CollectorRegistry())
    assert durations.of("warm") is durations.of("warm")


def test_bounds_rise_and_hold_the_promises() -> None:
    """A promise can be read off only where it is a bound."""
    for bounds in (SHORT_S, LONG_S):
        assert sorted(set(bounds)) == list(bounds)
    assert {0.025, 0.25, 1.0} < set(SHORT_S)
    assert {1.0, 5.0, 60.0, 900.0} < set(LONG_S)


# --- the port --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_metrics_are_served_on_a_port_of_their_own(host: str) -> None:
    """Port 0 picks one."""
    port = serve_metrics(EdgeMetrics().registry, f"{host}:0")
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
        assert answer.headers["Content-Type"].partition(";")[0] == CONTENT_TYPE.partition(";")[0] == "text/plain"
        assert b"klaroen_build_info" in answer.read()


def test_a_voice_process_counts_its_calls_by_how_they_ended() -> None:
    """Each once, in words of tables; lines and lateness are read as somebody scrapes."""
    metrics = VoiceMetrics(lambda: {CarrierName("trunk"): 7}, lambda: 0.004)
    trunk, attempt = metrics.trunk(CarrierName("trunk")), AttemptId("A1")
    trunk.rang(0.07)
    trunk.told([Answer(attempt, Accepted()), Call(attempt, "answered", 1.0), Receipt("reached", "played 80 %")])
    trunk.told([Call(attempt, "ended", 9.0)])
    trunk.told([Receipt("failed", "hung up at 30 %"), Call(attempt, "ended", 9.0)])
    trunk.told([Receipt("failed", "busy"), Call(attempt, "ended", 0.0)])
    trunk.told([Answer(attempt, Refused("busy", "address"))])
    trunk.told([Answer(attempt, Unsent("trunk 503"))])
    trunk.told([Answer(attempt, Unknown("no answer to the INVITE")), Fault("odd")])
    metrics.late.observe(0.0004)
    told = lines(metrics.registry)
    counted = {line for line in told if line.startswith("klaroen_trunk_calls_total{")}
    assert {
        f'klaroen_trunk_calls_total{{carrier="trunk",outcome="{outcome}"}} {count}.0'
        for outcome, count in (
            *(("played", 1), ("hung up", 1), ("busy", 2)),
            *(("trunk 503", 1), ("no answer to the INVITE", 1)),
        )
    } == counted
    assert 'klaroen_trunk_setup_seconds_bucket{carrier="trunk",le="0.1"} 1.0' in told
    assert 'klaroen_trunk_lines_used{carrier="trunk"} 7.0' in told
    assert "klaroen_voice_lateness_seconds 0.004" in told
    assert 'klaroen_voice_late_seconds_bucket{le="0.0005"} 1.0' in told
    assert 'klaroen_heartbeat_seconds{process="voice"}' in "".join(told)


def test_who_reads_aloud_is_told() -> None:
    """It follows the speaker: a better voice that fails is seen."""
    registry, heard = CollectorRegistry(), {"nl": "piper", "fr": "pico"}
    registry.register(SpeechEngines(heard))  # type: ignore[arg-type]
    labels = {"language": "nl", "engine": "piper"}
    assert 1.0 == registry.get_sample_value("klaroen_speech_engine", labels)
    heard["nl"] = "espeak-ng"
    assert registry.get_sample_value("klaroen_speech_engine", labels) is None
    assert 1.0 == registry.get_sample_value("klaroen_speech_engine", {"language": "nl", "engine": "espeak-ng"})
