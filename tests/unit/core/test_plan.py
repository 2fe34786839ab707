"""Plans by hour, weekday and preference; each test is named after the rule that it shows."""

from datetime import UTC, datetime, timedelta

import pytest

from klaroen.core.model import (
    Area,
    CostShare,
    Instant,
    Levels,
    Network,
    NetworkId,
    Plan,
    Step,
    Window,
    Zone,
    ZoneId,
)
from klaroen.core.plan import (
    WEEK_MINUTES,
    CompiledPlan,
    Hours,
    address_mask,
    carries_social_media,
    compile_hours,
    compile_plan,
    first_untried,
    goes_urgently,
    has,
    ladder,
    local_date,
    local_minute,
    make_offer,
    minute_of_day,
    next_step,
    orders_at,
    permitting,
    version_at,
    why_unreachable,
)

ALL = frozenset({"sms", "voice", "tts", "email", "whatsapp"})
SMS = Step("sms", "mobile")
TTS_MOBILE, TTS_LANDLINE = Step("tts", "mobile"), Step("tts", "landline")
MOBILE = address_mask(["mobile"])
BOTH = address_mask(["mobile", "landline"])


def instant(text: str) -> Instant:
    return Instant(int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000))


def at_minute(day: int, clock: str) -> int:
    return day * 1440 + minute_of_day(clock)


def plan(*urgent: Window, version: int = 1, valid_from: str = "2020-01-01", social: bool = False) -> Plan:
    return Plan(version, valid_from, urgent, (Window("00:00", "24:00", ("email",)),), social)


def always(*channels: str) -> CompiledPlan:
    return compile_plan(plan(Window("00:00", "24:00", channels)), social_media=True)  # type: ignore[arg-type]


def network(*plans: Plan, kind: str = "self_employed", house_rules: bool = True) -> Network:
    return Network(
        id=NetworkId("BIN-1"),
        name="Kerkstraat",
        kind=kind,  # type: ignore[arg-type]
        zone=ZoneId("Z1"),
        municipality="Aalst",
        province="Oost-Vlaanderen",
        region="Vlaanderen",
        languages=("nl",),
        recognised_on="2019-01-01",
        area=Area(streets=("Kerkstraat",)),
        coordinators=(),
        officers=(),
        mayor="M",
        members_at_signing=10,
        levels=Levels(),
        plans=plans,
        evaluation_months=12,
        house_rules_social_media=house_rules,
        cost_share=CostShare(1.0, 0.0, 0.0),
    )


# --- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("utc", "day", "clock"),
    [
        ("2026-11-22T23:00:00+00:00", 0, "00:00"),  # winter: UTC+1, a Monday begins
        ("2026-07-05T22:00:00+00:00", 0, "00:00"),  # summer: UTC+2
        ("2026-07-05T21:59:59.999+00:00", 6, "23:59"),
        ("2026-11-21T12:34:56.789+00:00", 5, "13:34"),
        ("1969-12-31T23:59:59.999+00:00", 3, "00:59"),  # before 1970 the same rounding holds
    ],
)
def test_R14_an_instant_is_a_minute_of_the_week_in_brussels(utc: str, day: int, clock: str) -> None:
    assert at_minute(day, clock) == local_minute(instant(utc))


def test_R14_the_hour_that_does_not_exist() -> None:
    """On the last Sunday of March 01:59 is followed by 03:00: no instant falls into a window from 02:00 to 03:00."""
    start = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    minutes = [local_minute(instant((start + timedelta(minutes=m)).isoformat())) for m in range(60)]
    assert minutes[:30] == list(range(at_minute(6, "01:30"), at_minute(6, "02:00")))
    assert minutes[30:] == list(range(at_minute(6, "03:00"), at_minute(6, "03:30")))


def test_R14_the_hour_that_comes_twice() -> None:
    """On the last Sunday of October a window from 02:00 to 03:00 holds for two hours, and the night goes on from it."""
    hours = compile_hours(
        (
            Window("02:00", "03:00", ("tts",)),
            Window("03:00", "02:00", ("sms",)),
        )
    )
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    orders = [hours.at(local_minute(instant((start + timedelta(minutes=30 * h)).isoformat()))) for h in range(6)]
    assert [("sms",), ("tts",), ("tts",), ("tts",), ("tts",), ("sms",)] == orders


@pytest.mark.parametrize(("clock", "minute"), [("00:00", 0), ("07:05", 425), ("23:59", 1439), ("24:00", 1440)])
def test_a_time_of_day(clock: str, minute: int) -> None:
    assert minute == minute_of_day(clock)


@pytest.mark.parametrize(
    "clock", ["", "7:00", "0700", "07:60", "24:01", "25:00", "-1:00", "07:0a", "٠٧:٠٠", "07:00:00"]
)
def test_what_is_not_a_time_of_day_is_refused(clock: str) -> None:
    with pytest.raises(ValueError, match="a time"):
        minute_of_day(clock)


# --- windows --------------------------------------------------------------------------------------------------------


def test_R14_a_window_ends_before_its_last_minute() -> None:
    hours = compile_hours((Window("07:00", "22:00", ("sms",)), Window("22:00", "07:00", ("tts",))))
    assert [("tts",), ("sms",), ("sms",), ("tts",)] == [
        hours.at(at_minute(2, clock)) for clock in ("06:59", "07:00", "21:59", "22:00")
    ]


def test_R14_a_window_that_passes_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    """A Sunday night goes on into Monday morning, and no other morning."""
    hours = compile_hours((Window("22:00", "06:00", ("tts",), ("sun",)), Window("00:00", "24:00", ("sms",))))
    assert ("tts",) == hours.at(at_minute(6, "22:00")) == hours.at(at_minute(0, "05:59"))
    assert (
        ("sms",)
        == hours.at(at_minute(6, "21:59"))
        == hours.at(at_minute(0, "06:00"))
        == hours.at(at_minute(6, "03:00"))
    )


def test_R14_a_window_that_ends_where_it_starts_lasts_a_day() -> None:
    hours = compile_hours((Window("08:00", "08:00", ("sms",), ("fri",)),))
    assert ((at_minute(4, "08:00"), at_minute(5, "08:00"), ("sms",)),) == tuple(s for s in hours.spans() if s[2])


def test_R14_windows_name_weekdays() -> None:
    hours = compile_hours(
        (
            Window("00:00", "24:00", ("tts",), ("sat", "sun")),
            Window("00:00", "24:00", ("sms",), ("mon", "tue", "wed", "thu", "fri")),
        )
    )
    assert Hours((0, at_minute(5, "00:00")), (("sms",), ("tts",))) == hours
    assert () == hours.gaps()


def test_R14_where_windows_overlap_the_first_listed_holds() -> None:
    hours = compile_hours((Window("08:00", "10:00", ("tts",)), Window("09:00", "08:00", ("sms",))))
    assert ("tts",) == hours.at(at_minute(0, "09:30"))
    assert ("sms",) == hours.at(at_minute(0, "10:00"))


def test_R06_gaps_between_windows_are_named() -> None:
    hours = compile_hours((Window("00:00", "23:00", ("sms",)), Window("23:00", "24:00", ("sms",), ("mon", "tue"))))
    assert [(at_minute(day, "23:00"), at_minute(day + 1, "00:00")) for day in range(2, 7)] == list(hours.gaps())
    assert ((0, WEEK_MINUTES),) == compile_hours(()).gaps()


def test_a_window_cannot_begin_at_24_00() -> None:
    with pytest.raises(ValueError, match="before 24:00"):
        compile_hours((Window("24:00", "06:00", ("sms",)),))


# --- versions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("utc", "version"),
    [
        ("2025-12-31T22:59:59+00:00", 1),  # 23:59 in Brussels
        ("2025-12-31T23:00:00+00:00", 2),  # midnight there: the local date decides
        ("2026-06-01T12:00:00+00:00", 3),  # two versions from one date: the later one
        ("2019-01-01T00:00:00+00:00", 1),  # before the first: that one
    ],
)
def test_R03_the_plan_that_holds(utc: str, version: int) -> None:
    window = Window("00:00", "24:00", ("sms",))
    place = network(
        plan(window, version=1, valid_from="2024-01-01"),
        plan(window, version=2, valid_from="2026-01-01"),
        plan(window, version=3, valid_from="2026-01-02"),
    )
    assert version == version_at(place, instant(utc)).version


def test_R03_a_plan_begins_at_local_midnight() -> None:
    assert "2026-07-06" == local_date(instant("2026-07-05T22:00:00+00:00"))


# --- channels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "house_rules", "plan_supports", "zone_supports", "carried"),
    [
        ("self_employed", True, True, True, True),
        ("business_park", True, True, True, True),
        ("residents", True, True, True, False),
        ("professional", False, True, True, False),
        ("professional", True, False, True, False),
        ("professional", True, True, False, False),
    ],
)
def test_R13_urgent_social_media(
    kind: str, house_rules: bool, plan_supports: bool, zone_supports: bool, carried: bool
) -> None:
    charter = plan(Window("00:00", "24:00", ("whatsapp", "sms")), social=plan_supports)
    place = network(charter, kind=kind, house_rules=house_rules)
    zone = Zone(ZoneId("Z1"), "Aalst", social_media_supported=zone_supports)
    social_media = carries_social_media(place, zone, charter)
    assert carried == social_media
    order = compile_plan(charter, social_media=social_media).order(urgent=True, minute=0)
    assert (("whatsapp", "sms") if carried else ("sms",)) == order


def test_R13_non_urgent_social_media_need_only_the_plan() -> None:
    charter = Plan(1, "2020-01-01", (), (Window("00:00", "24:00", ("whatsapp",)),))
    assert ("whatsapp",) == compile_plan(charter).order(urgent=False, minute=0)


@pytest.mark.parametrize(
    ("alert_class", "urgent", "expected"),
    [
        ("crisis", False, True),
        ("warm", False, True),
        ("public_interest", True, True),
        ("public_interest", False, False),
        ("cold", True, False),
    ],
)
def test_which_list_a_class_uses(alert_class: str, urgent: bool, expected: bool) -> None:
    assert expected == goes_urgently(alert_class, urgent)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "recording", "channels"),
    [
        (True, False, ALL),  # voice without a recording speaks the text
        (False, True, frozenset({"voice", "tts"})),  # tts without a text plays the recording
        (True, True, ALL),
        (False, False, frozenset()),
    ],
)
def test_R12_a_channel_needs_its_content(text: bool, recording: bool, channels: frozenset[str]) -> None:
    assert channels == make_offer("warm", text=text, recording=recording, narrowed=None, carriers=ALL).channels


def test_R10_crisis_never_goes_by_whatsapp() -> None:
    assert {"whatsapp"} == ALL - make_offer("crisis", text=True, recording=True, narrowed=None, carriers=ALL).channels


def test_channels_and_carriers_narrow_and_never_widen() -> None:
    offer = make_offer("warm", text=True, recording=False, narrowed=["sms", "tts"], carriers=["tts", "email"])
    assert {"tts"} == offer.channels


# --- steps ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preference", "expected"),
    [
        ((), [SMS, TTS_MOBILE, TTS_LANDLINE]),
        (("tts",), [TTS_MOBILE, TTS_LANDLINE, SMS]),
        (("voice", "tts"), [TTS_MOBILE, TTS_LANDLINE, SMS]),  # never one that the plan forbids
        (("sms", "tts"), [SMS, TTS_MOBILE, TTS_LANDLINE]),
    ],
)
def test_R14_a_preference_comes_first_and_the_plan_follows(preference: tuple[str, ...], expected: list[Step]) -> None:
    assert expected == list(ladder((("sms", "tts"),), preference, BOTH, ALL))  # type: ignore[arg-type]


def test_R14_calls_try_the_mobile_then_the_landline_and_steps_do_not_return() -> None:
    plans = [always("tts", "sms")]
    tried: list[Step] = []
    while step := next_step(plans, (), BOTH, tried, ALL, urgent=True, at=Instant(0)):
        tried.append(step)
    assert [TTS_MOBILE, TTS_LANDLINE, SMS] == tried


def test_R14_the_hour_at_which_a_step_falls_due_decides() -> None:
    by_night = compile_plan(plan(Window("07:00", "22:00", ("sms",)), Window("22:00", "07:00", ("tts",))))
    evening, night = instant("2026-11-21T20:59:00+00:00"), instant("2026-11-21T21:00:00+00:00")
    assert SMS == next_step([by_night], (), BOTH, (), ALL, urgent=True, at=evening)
    assert TTS_MOBILE == next_step([by_night], (), BOTH, [SMS], ALL, urgent=True, at=night)


def test_R12_urgent_and_non_urgent_messages_have_lists_of_their_own() -> None:
    mask = address_mask(["mobile", "email"])
    assert SMS == next_step([always("sms")], (), mask, (), ALL, urgent=True, at=Instant(0))
    assert Step("email", "email") == next_step([always("sms")], (), mask, (), ALL, urgent=False, at=Instant(0))


def test_R05_the_plans_of_all_networks_permit_lowest_id_first() -> None:
    plans = [always("sms"), always("tts", "sms"), always("voice")]
    orders = orders_at(plans, urgent=True, minute=0)
    steps = ladder(orders, (), MOBILE, ALL)
    assert [SMS, TTS_MOBILE, Step("voice", "mobile")] == list(steps)
    assert [0, 1, 2] == [permitting(orders, step.channel) for step in steps]


def test_only_what_the_alert_offers_is_tried() -> None:
    assert TTS_MOBILE == next_step([always("sms", "tts")], (), BOTH, (), frozenset({"tts"}), urgent=True, at=Instant(0))
    assert next_step([always("sms")], (), BOTH, (), frozenset(), urgent=True, at=Instant(0)) is None
    assert first_untried([SMS], {SMS}) is None


@pytest.mark.parametrize(
    ("channels", "kinds", "text", "carriers", "reason"),
    [
        (("sms",), ["mobile"], True, ALL, None),
        (("email",), ["mobile", "email"], True, ALL, "no_channel"),  # narrowed away below
        (("sms", "tts"), ["email"], True, ALL, "no_address"),
        (("sms",), ["landline"], True, ALL, "no_address"),
        (("sms",), ["mobile"], False, ALL, "no_content"),
        (("sms",), ["mobile"], True, ["tts"], "no_carrier"),
        ((), ["mobile"], True, ALL, "no_channel"),
    ],
)
def test_R06_why_somebody_is_not_reached(
    channels: tuple[str, ...], kinds: list[str], text: bool, carriers: list[str], reason: str | None
) -> None:
    offer = make_offer("warm", text=text, recording=True, narrowed=["sms", "tts"], carriers=carriers)  # type: ignore[arg-type]
    mask = address_mask(kinds)  # type: ignore[arg-type]
    assert reason == why_unreachable(frozenset(channels), mask, offer)  # type: ignore[arg-type]
    assert (reason is None) == bool(ladder((channels,), (), mask, offer.channels))  # type: ignore[arg-type]


def test_kinds_of_address_are_bits() -> None:
    mask = address_mask(["email", "mobile", "email"])
    assert [True, False, True, False] == [has(mask, kind) for kind in ("mobile", "landline", "email", "whatsapp")]
