"""Plans and ladders, against what a slow reading of the rules says."""

from datetime import UTC, datetime
from itertools import chain, pairwise

from hypothesis import given
from hypothesis import strategies as st

from klaroen.core.model import CHANNELS, Instant, Window
from klaroen.core.plan import (
    ADDRESSES_OF,
    BRUSSELS,
    DAYS,
    WEEK_MINUTES,
    compile_hours,
    has,
    ladder,
    local_minute,
    make_offer,
    minute_of_day,
    permitting,
    why_unreachable,
)

clocks = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
orders = st.lists(st.sampled_from(CHANNELS), unique=True).map(tuple)
days = st.lists(st.sampled_from(DAYS), unique=True).map(tuple)
windows = st.builds(Window, clocks, st.just("24:00") | clocks, orders, days)


def holds(window: Window, minute: int) -> bool:
    """Read R14 word by word, for one minute of the week."""
    day, clock = divmod(minute, 1440)
    start, to = minute_of_day(window.start), minute_of_day(window.to)
    named = window.days or DAYS
    if start < to:
        return DAYS[day] in named and start <= clock < to
    return (DAYS[day] in named and clock >= start) or (DAYS[day - 1] in named and clock < to)


@given(st.lists(windows, max_size=4), st.lists(st.integers(0, WEEK_MINUTES - 1), min_size=1, max_size=50))
def test_R14_the_window_in_force_is_the_first_that_holds(listed: list[Window], minutes: list[int]) -> None:
    hours = compile_hours(tuple(listed))
    for minute in minutes:
        assert next((window.channels for window in listed if holds(window, minute)), ()) == hours.at(minute)


@given(st.lists(windows, max_size=4))
def test_R06_spans_cover_the_week_and_gaps_are_those_without_a_channel(listed: list[Window]) -> None:
    hours = compile_hours(tuple(listed))
    spans = list(hours.spans())
    assert (0, WEEK_MINUTES) == (spans[0][0], spans[-1][1])
    assert all(first[1] == second[0] and first[2] != second[2] for first, second in pairwise(spans))
    assert [(start, end) for start, end, order in spans if not order] == list(hours.gaps())


@given(st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)))
def test_R14_a_minute_is_the_one_that_clocks_in_brussels_show(drawn: datetime) -> None:
    instant = drawn.replace(tzinfo=UTC, microsecond=0)
    shown = instant.astimezone(BRUSSELS)
    minute = local_minute(Instant(int(instant.timestamp()) * 1000 + 999))
    assert (DAYS[shown.weekday()], shown.strftime("%H:%M")) == (
        DAYS[minute // 1440],
        f"{minute % 1440 // 60:02}:{minute % 60:02}",
    )


@given(st.lists(orders, max_size=3).map(tuple), orders, st.integers(0, 15), st.frozensets(st.sampled_from(CHANNELS)))
def test_R14_a_ladder_holds_each_permitted_step_once_preference_first(
    in_force: tuple[tuple[str, ...], ...], preference: tuple[str, ...], addresses: int, offers: frozenset[str]
) -> None:
    steps = ladder(in_force, preference, addresses, offers)  # type: ignore[arg-type]
    permitted = {channel for order in in_force for channel in order} & offers
    assert len(steps) == len(set(steps))
    assert {(step.channel, step.address) for step in steps} == {
        (channel, kind) for channel in permitted for kind in ADDRESSES_OF[channel] if has(addresses, kind)
    }
    ranks = [preference.index(step.channel) if step.channel in preference else len(preference) for step in steps]
    assert sorted(ranks) == ranks, "the preference comes first, in its order"
    assert all(step.channel in in_force[permitting(in_force, step.channel)] for step in steps)  # type: ignore[arg-type]


@given(
    st.lists(orders, max_size=3).map(tuple),
    st.integers(0, 15),
    st.booleans(),
    st.booleans(),
    st.none() | orders,
    st.frozensets(st.sampled_from(CHANNELS)),
)
def test_a_reason_is_given_exactly_where_nothing_is_left(
    in_force: tuple[tuple[str, ...], ...],
    addresses: int,
    text: bool,
    recording: bool,
    narrowed: tuple[str, ...] | None,
    carriers: frozenset[str],
) -> None:
    offer = make_offer("crisis", text=text, recording=recording, narrowed=narrowed, carriers=carriers)  # type: ignore[arg-type]
    steps = ladder(in_force, (), addresses, offer.channels)  # type: ignore[arg-type]
    assert bool(steps) == (why_unreachable(frozenset(chain.from_iterable(in_force)), addresses, offer) is None)  # type: ignore[arg-type]
    assert "whatsapp" not in {step.channel for step in steps}
