"""Wheel, door and throttle: time as the simulated carriers have it."""

from collections.abc import Callable

import pytest

from klaroen_bench.carriers.door import Door, Throttle
from klaroen_bench.carriers.wheel import Wheel


class Timer:
    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.cancelled = at, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """A loop's clock and timers, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, call, *arguments) -> Timer:
        self.timers.append(Timer(at, lambda: call(*arguments)))
        return self.timers[-1]

    def move_to(self, now: float) -> None:
        for timer in sorted(self.timers, key=lambda timer: timer.at):
            if timer.at <= now and not timer.cancelled:
                self.now = max(self.now, timer.at)
                timer.cancelled = True
                timer.call()
        self.now = now


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_what_falls_due_together_shares_a_timer(loop: Loop) -> None:
    fired: list[list[int]] = []
    wheel: Wheel[int] = Wheel(loop, fired.append)
    for item in range(1000):
        wheel.add(0.0101, item)
    assert (len(loop.timers), wheel.count) == (1, 1000)
    loop.move_to(0.1)
    assert (fired, wheel.count) == ([list(range(1000))], 0)


def test_nothing_fires_before_it_is_due(loop: Loop) -> None:
    fired: list[float] = []
    wheel: Wheel[float] = Wheel(loop, lambda items: fired.extend(loop.now - item for item in items))
    for due in (0.0, 0.0019999, 0.002, 0.01, 0.0333):
        wheel.add(due, due)
    loop.move_to(1.0)
    assert len(fired) == 5
    assert all(0.0 <= lateness <= 0.0021 for lateness in fired)


def test_a_held_wheel_fires_as_much_later_as_it_was_held(loop: Loop) -> None:
    """What was under way in a blackout is under way after it."""
    fired: list[tuple[int, float]] = []
    wheel: Wheel[int] = Wheel(loop, lambda items: fired.extend((item, round(loop.now, 3)) for item in items))
    wheel.add(0.1, 1)
    wheel.add(0.5, 2)
    wheel.hold()
    wheel.hold()
    wheel.add(0.2, 3)
    loop.move_to(2.0)
    assert fired == []
    wheel.release()
    wheel.release()
    loop.move_to(9.0)
    assert fired == [(1, 2.102), (3, 2.202), (2, 2.502)]


def test_the_door_lets_through_what_it_drains_first_in_first_out() -> None:
    door = Door(10.0, 3)
    assert [door.enter(5.0) for _ in range(4)] == [pytest.approx(5.1), pytest.approx(5.2), pytest.approx(5.3), None]
    assert door.waiting(5.0) == 3
    assert door.waiting(5.25) == 0 or door.waiting(5.25) == 1
    assert door.enter(6.0) == pytest.approx(6.1)


def test_a_door_in_a_brownout_is_slower_and_after_a_blackout_later() -> None:
    door = Door(10.0, 0)
    assert door.enter(0.0, 10.0) == pytest.approx(1.0)
    door.shift(5.0)
    assert door.enter(0.0) == pytest.approx(6.1)


def test_a_door_without_a_rate_is_open() -> None:
    door = Door(0.0, 1)
    assert [door.enter(1.0), door.enter(1.0), door.waiting(1.0)] == [1.0, 1.0, 0]


def test_the_throttle_grants_its_rate_and_a_tenth_of_a_second_at_once() -> None:
    throttle = Throttle(100.0)
    assert sum(throttle.grant(1.0) for _ in range(50)) == 10
    assert sum(throttle.grant(1.05) for _ in range(50)) == 5
    assert all(Throttle(0.0).grant(0.0) for _ in range(1000))
