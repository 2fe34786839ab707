"""A world whose first carrier is a trunk: telephones that ring, in virtual time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.fakes.speaker import FakeSpeaker
from tests.simulation.world import World, network, register
from trio.testing import MockClock

from klaroen.core.model import (
    CarrierName,
    ClipId,
    Recorded,
    RecordingId,
    Window,
)
from klaroen.core.ports import Clip, Envelope
from klaroen.dispatch.station import Station
from klaroen.register.model import Register
from klaroen.testing.deeds import HEARD, Deed, Proof, call
from klaroen.testing.far_end import FarEnd

CALL_FIRST = (Window("00:00", "24:00", ("tts", "sms")),)
CALLS_ONLY = (Window("00:00", "24:00", ("tts",)),)
RECORDED = Recorded(RecordingId("r1"), ClipId("c1"), 4.0)
READ = Clip(ClipId("c2"), 5.0, "fake")
TEXT_ONLY = (Window("00:00", "24:00", ("sms",)),)


HUNG_UP = call(1.0, Proof(2.9, "failed", "attempt", "hung up at 10 %"))


class Exchange(FarEnd):
    """A trunk that sees how many calls are up at once, from its first word of them to its last."""

    def __init__(self, script: Any = HEARD, **own: Any) -> None:
        super().__init__("trunk", script, **own)

    def up_at(self) -> Iterator[tuple[float, int]]:
        """Yield (when, how many are up then) at each hand-over."""
        ends: list[float] = []
        for one in self.handed:
            ends = [end for end in ends if end > one.at]
            ends.append(one.at + max((after for after, _, _ in self.script(one.envelope, 0).course), default=0.0))
            yield one.at, len(ends)


def world_of(
    directory: Path,
    clock: MockClock,
    trunk: FarEnd,
    *others: FarEnd,
    members: int = 1,
    plan: Any = CALLS_ONLY,
    country: Register | None = None,
    speaker: FakeSpeaker | None = None,
    **own: Any,
) -> World:
    return World(
        directory,
        clock,
        [trunk, *others],
        country or register([network(1, plan)], members),
        carriers={"trunk": {"channels": ("voice", "tts"), **own}},
        calls=None,
        speaker=speaker,
    )


def trunk_of(world: World) -> Station:
    return world.desk.stations[CarrierName("trunk")]


def telephones(**by_end: Deed) -> Callable[[Envelope, int], Deed]:
    """What befalls a call by the last digit of its number: `_0=BUSY`."""
    return lambda envelope, _seen: by_end.get(f"_{envelope.address[-1]}", HEARD)
