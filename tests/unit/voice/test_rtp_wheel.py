"""The wheel spreads calls over ten phases, and lateness is judged by the second."""

from klaroen_adapters.voice.rtp_lateness import WINDOW_TICKS, Lateness
from klaroen_adapters.voice.rtp_wheel import PHASES, Wheel


def test_calls_are_spread_evenly_and_each_speaks_once_a_round() -> None:
    """Whoever leaves makes room for the next."""
    wheel: Wheel[int] = Wheel()
    for line in range(100):
        wheel.join(line)
    assert [10] * PHASES == [len(wheel.turn(tick)) for tick in range(PHASES)]
    assert set(range(100)) == {line for tick in range(PHASES) for line in wheel.turn(tick)}
    freed = wheel.turn(3)
    for line in freed:
        wheel.leave(line)
    for line in range(100, 105):
        wheel.join(line)
    assert list(range(100, 105)) == wheel.turn(3)
    assert 95 == len(wheel)


def test_a_call_keeps_its_phase() -> None:
    """Its packets leave 20 ms apart, whatever others do."""
    wheel: Wheel[str] = Wheel()
    wheel.join("a")
    wheel.join("b")
    wheel.leave("a")
    wheel.leave("a")
    assert ["b"] == wheel.turn(1 + 5 * PHASES)
    assert [] == wheel.turn(0)


def test_one_late_tick_in_a_hundred_is_forgiven_more_are_not() -> None:
    """And forgotten a second later."""
    lateness = Lateness()
    for tick in range(WINDOW_TICKS):
        lateness.note(0.05 if tick < WINDOW_TICKS // 100 else 0.001)
    assert (0.001, False) == (lateness.p99_s, lateness.is_too_late)
    for tick in range(WINDOW_TICKS):
        lateness.note(0.05 if tick <= WINDOW_TICKS // 100 else 0.001)
    assert (0.05, True) == (lateness.p99_s, lateness.is_too_late)
    for _ in range(WINDOW_TICKS):
        lateness.note(0.001)
    assert not lateness.is_too_late
