"""The model of a forecast: queues behind lanes above, floors, head starts, and steps that follow."""

import pytest
from msgspec.structs import replace
from tests.unit.core.batches import ACCEPTED_AT, make_audience, make_group, make_plan, make_planner

from klaroen.core.errors import Saying
from klaroen.core.forecast import Outlook, Supply, look_ahead, percentiles
from klaroen.core.lanes import FLOORS, HEAD_START_SEGMENTS
from klaroen.core.model import AlertClass, Channel, Window

SMS_ONLY = make_planner(make_plan(Window("00:00", "24:00", ("sms",))))
BOTH = make_planner(make_plan(Window("00:00", "24:00", ("sms", "tts"))))
SUPPLY = Supply(
    per_s=10.0, carriers=1, above=0, beside=0, price=50_000.0, wait_s=60.0, proved=1.0, arrivals_s=(1.0, 2.0, 3.0)
)


def outlook(
    count: int = 100, *, planner=SMS_ONLY, alert_class: AlertClass = "warm", parts: int = 1, **supplies: Supply
) -> Outlook:
    audience = make_audience(make_group(count), make_group(7, reason="no_address"))
    every: dict[Channel, Supply] = dict.fromkeys(planner.offers, SUPPLY) | supplies  # type: ignore[assignment]
    return look_ahead(audience, planner, ACCEPTED_AT, alert_class, {"nl": parts}, every)


def test_people_leave_at_the_carriers_rate_and_are_reached_as_receipts_come() -> None:
    view = outlook()
    assert 4.5 <= (view.handed_over_s["p50"] or 0) <= 5.5
    assert 9 <= (view.handed_over_s["p99"] or 0) <= 10
    assert 6.5 <= (view.reached_s["p50"] or 0) <= 7.5
    assert (100, 100, 5.0) == (view.channels["sms"].members, view.channels["sms"].segments, view.cost_eur)
    assert () == view.warnings


def test_segments_count_and_not_messages() -> None:
    view = outlook(parts=3)
    assert (300, 15.0) == (view.channels["sms"].segments, view.cost_eur)
    assert 28 <= (view.handed_over_s["p99"] or 0) <= 30


def test_what_waits_in_higher_lanes_goes_first_down_to_the_floor() -> None:
    """Warm keeps a fifth of the rate beside crisis; crisis itself has nobody above."""
    behind = replace(SUPPLY, above=200)
    assert 29 <= (outlook(alert_class="public_interest", sms=behind).handed_over_s["p99"] or 0) <= 30
    crowded = replace(SUPPLY, above=100_000)
    by_floor = 100 / (FLOORS["warm"] * 10)
    assert 0.9 * by_floor <= (outlook(sms=crowded).handed_over_s["p99"] or 0) <= by_floor
    assert (outlook(alert_class="crisis", sms=crowded).handed_over_s["p50"] or 0) > 10_000


def test_a_head_start_goes_before_its_own_lane_and_then_alerts_take_turns() -> None:
    beside = replace(SUPPLY, beside=100_000)
    assert (outlook(sms=beside).handed_over_s["p99"] or 0) <= 10
    many = HEAD_START_SEGMENTS * 4
    assert 195 <= (outlook(many, sms=beside).handed_over_s["p99"] or 0) <= 200
    assert 100 <= (outlook(many, sms=replace(beside, carriers=4)).handed_over_s["p99"] or 0) * 1.05


def test_who_is_not_proved_goes_on_after_the_wait_and_costs_again() -> None:
    half = replace(SUPPLY, proved=0.5)
    calls = replace(SUPPLY, price=200_000.0, arrivals_s=(20.0,))
    view = outlook(planner=BOTH, sms=half, tts=calls)
    assert 5.0 + 50 * 0.2 == view.cost_eur == sum(one.cost_eur for one in view.channels.values())
    assert (0, 0) == (view.channels["tts"].members, view.channels["tts"].segments)
    assert (view.reached_s["p50"] or 0) < 20
    assert 80 <= (view.reached_s["p90"] or 0) <= 95


def test_what_was_not_measured_is_not_guessed() -> None:
    for unseen in (replace(SUPPLY, proved=None), replace(SUPPLY, arrivals_s=())):
        view = outlook(sms=unseen)
        assert {"p50": None, "p90": None, "p99": None} == view.reached_s
        assert (Saying("forecast_no_receipt", {"channel": "sms"}),) == view.warnings
    known = outlook(planner=BOTH, tts=replace(SUPPLY, proved=None), sms=replace(SUPPLY, proved=0.5))
    assert (known.reached_s["p50"] or 0) > 0, "only what people begin with must be known"


def test_where_no_carrier_is_up_there_is_no_time() -> None:
    view = outlook(sms=replace(SUPPLY, per_s=0.0))
    assert {"p50": None, "p90": None, "p99": None} == view.handed_over_s == view.reached_s
    assert (Saying("forecast_no_carrier", {"channel": "sms"}),) == view.warnings


@pytest.mark.parametrize(("share", "seconds"), [("p50", 1.0), ("p90", 2.0), ("p99", 9.0)])
def test_percentiles_count_people(share: str, seconds: float) -> None:
    assert seconds == percentiles([(9.0, 5.0), (1.0, 80.0), (2.0, 15.0)])[share]
