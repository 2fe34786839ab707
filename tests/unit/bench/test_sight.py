"""What an operator is told of changes, and how fast things go."""

from klaroen_bench.sight import Event, Rates, Sight, call_counts, channel_views, events_between


def sight(at_s: float, answers: bool = True, **changes: object) -> Sight:
    carrier = {"name": "alpha", "up": True, "breaker": "closed", "words": "bound"} | changes
    return Sight(at_s, {}, [carrier], {}, answers)


def test_the_first_sight_tells_of_nothing() -> None:
    """There is nothing yet that it differs from."""
    assert [] == list(events_between(None, sight(1.0, up=False)))


def test_nothing_changed_tells_of_nothing() -> None:
    """Only changes are told."""
    assert [] == list(events_between(sight(1.0), sight(2.0)))


def test_links_and_breakers_are_told_both_ways() -> None:
    """What breaks and what mends, with the carrier's name."""
    broken = list(events_between(sight(1.0), sight(2.0, up=False, breaker="open", words="reset")))
    assert ["fault", "fault"] == [event.kind for event in broken]
    assert Event(2.0, "fault", "alpha: link down (reset)") == broken[0]
    half = list(events_between(sight(2.0, breaker="open"), sight(3.0, breaker="half_open")))
    mended = list(events_between(sight(3.0, up=False, breaker="half_open"), sight(4.0)))
    assert ["mended"] * 3 == [event.kind for event in (*half, *mended)]


def test_an_api_that_asks_for_patience_is_told() -> None:
    """And when it answers again; the carriers stand as they were last seen."""
    (away,) = events_between(sight(1.0), sight(2.0, answers=False))
    (back,) = events_between(sight(2.0, answers=False), sight(3.0))
    assert ("fault", "mended") == (away.kind, back.kind)


def test_a_carrier_seen_for_the_first_time_is_no_change() -> None:
    """Before dispatch has answered once, nobody is known."""
    empty = Sight(1.0, {}, (), {})
    assert [] == list(events_between(empty, sight(2.0, up=False)))


def test_rates_are_told_over_a_second() -> None:
    """Of what was counted since, not of a moment; a count that falls after a restart is no negative rate."""
    rates = Rates()
    assert 0.0 == rates.see("sms", 0.0, 0)
    assert 100.0 == rates.see("sms", 0.5, 50)
    assert 150.0 == rates.see("sms", 1.0, 150)
    assert 200.0 == rates.see("sms", 1.5, 250)
    assert 0.0 == rates.see("sms", 10.0, 0)


def test_channels_keep_their_order() -> None:
    """However the status names them, a row stays where it is."""
    status = {"channels": {"tts": {"attempts": 2}, "voice": {"attempts": 3}, "sms": {"attempts": 1}}}
    assert [("sms", 1), ("voice", 3), ("tts", 2)] == [(name, view["attempts"]) for name, view in channel_views(status)]
    assert [] == channel_views({})


def test_calls_are_counted_as_they_stand_and_as_they_ended() -> None:
    """Who rang until we gave up did not answer; what ended otherwise had been answered."""
    counters = {
        "ringing": 3, "up": 2, "answered": 9, "ended_busy": 4, "ended_no_answer": 1, "ended_cancelled": 5,
        "ended_number_invalid": 6, "ended_caller_hung_up": 7, "packets": 99,
    }  # fmt: skip
    assert {"ringing": 3, "talking": 2, "answered": 9, "not taken": 16} == call_counts(counters)
