"""The driver of kind `asterisk` against an Asterisk on memory streams, in virtual time."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
import trio
from tests.fakes.asterisk import PASSWORD, USER, AsteriskPeer, Fate
from trio.testing import MockClock

from klaroen.clips import RATE, ClipStore
from klaroen.core.errors import CarrierDownError
from klaroen.core.model import AttemptId, CarrierName, ClipId, Content, Instant
from klaroen.core.ports import (
    Accepted,
    Answer,
    Call,
    Envelope,
    Event,
    Link,
    Outcome,
    Receipt,
    Refused,
    Script,
    Unknown,
    Unsent,
)
from klaroen.settings import Asterisk
from klaroen.testing import TrioClock
from klaroen_adapters.voice import ari
from klaroen_adapters.voice.ari import AriCarrier, build

NUMBER = "+32470000001"
CLIP_S = 4


class World:
    """A carrier with its Asterisk."""

    def __init__(
        self,
        nursery: trio.Nursery,
        directory: Path,
        rest: Literal["auto", "websocket", "http"] = "websocket",
        *,
        by_socket: bool = True,
        password: str = PASSWORD,
    ) -> None:
        self.clips = ClipStore(directory)
        self.clip = self.clips.put(b"\x55" * (CLIP_S * RATE))
        self.peer = AsteriskPeer(nursery, by_socket=by_socket)
        self.peer.lengths_s[str(self.clip)] = CLIP_S
        self.settings = Asterisk(
            name=CarrierName("pbx"),
            channels=("voice",),
            url="http://pbx.test/ari",
            user=USER,
            password_file="unread",
            data_dir=str(directory),
            lines=50,
            rest=rest,
        )
        self.clock = TrioClock()
        self.events: list[Event] = []
        self.carrier = AriCarrier(self.settings, password, self._emit, self.clock, self.peer.connect)

    async def _emit(self, events: Sequence[Event]) -> None:
        await trio.lowlevel.checkpoint()
        self.events += events

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.carrier.run)
            await trio.sleep(4)
            yield
            nursery.cancel_scope.cancel()

    def envelope(self, number: str = NUMBER, clip: ClipId | None = None, *, script: bool = True) -> Envelope:
        now = self.clock.now()
        return Envelope(
            AttemptId(f"a{number[1:]}"),
            number,
            Content("voice", "nl", "warm", "Dag", "0" * 64, Instant(now + 3_600_000)),
            Instant(now + 10_000),
            script=Script(clip or self.clip, 20.0, 1) if script else None,
        )

    async def call(self, *envelopes: Envelope, seconds: float = 60) -> list[Event]:
        """Return all that came of these within so long, less what is said of the link."""
        before = len(self.events)
        await self.carrier.hand_over(envelopes)
        await trio.sleep(seconds)
        return [event for event in self.events[before:] if not isinstance(event, Link)]

    def links(self) -> list[tuple[bool, str]]:
        return [(event.up, event.words) for event in self.events if isinstance(event, Link)]


def told(events: Sequence[Event]) -> list[Outcome | str]:
    """Events of one call, as words."""
    said: list[Outcome | str] = []
    for event in events:
        match event:
            case Answer(_, outcome):
                said.append("accepted" if isinstance(outcome, Accepted) else outcome)
            case Receipt(state, code):
                said.append(f"{state}: {code}")
            case Call(_, phase, seconds):
                said.append(f"{phase} {seconds:.1f}")
    return said


HEARD = ["accepted", "answered 0.2", "reached: played 100 %", "ended 4.0"]


@pytest.mark.parametrize("rest", ["websocket", "http", "auto"])
async def test_a_call_from_order_to_end(
    nursery: trio.Nursery,
    tmp_path: Path,
    rest: Literal["auto", "websocket", "http"],
    autojump_clock: MockClock,
) -> None:
    world = World(nursery, tmp_path, rest)
    async with world.running():
        assert [(True, "connected")] == world.links()
        assert world.events == [Link(True, 50, "connected")]
        assert HEARD == told(await world.call(world.envelope()))
    assert [(NUMBER, str(world.clip))] == world.peer.played
    first = ["GET channels", "PUT applications/klaroen-pbx/eventFilter"]
    assert first == sorted(set(world.peer.requests[: world.peer.requests.index("POST channels")]))


async def test_an_asterisk_without_requests_over_the_socket_is_asked_over_http(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World(nursery, tmp_path, "auto", by_socket=False)
    async with world.running():
        assert HEARD == told(await world.call(world.envelope()))
        many = [world.envelope(f"+3247000{n:04}") for n in range(40)]
        events = await world.call(*many)
        for envelope in many:
            assert "ended 4.0" == told([e for e in events if getattr(e, "attempt", "") == envelope.attempt])[-1]


async def test_an_asterisk_that_must_take_requests_over_the_socket_and_does_not_stays_down(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World(nursery, tmp_path, by_socket=False)
    async with world.running():
        await trio.sleep(60)
        assert [(False, "no word of its channels")] == world.links()
        with pytest.raises(CarrierDownError, match="pbx"):
            await world.carrier.hand_over([world.envelope()])


async def test_a_wrong_password_is_told_and_tried_again(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World(nursery, tmp_path, password="wrong")
    async with world.running():
        await trio.sleep(60)
    assert [(False, "http 401")] == world.links()


@pytest.mark.parametrize(
    ("fate", "expected"),
    [
        (Fate(486, rings=False), [Refused("busy", "address")]),
        (Fate(486), ["accepted", "failed: busy", "ended 0.0"]),
        (Fate(404, rings=False), [Refused("number invalid", "address")]),
        (Fate(503, rings=False), [Unsent("trunk 503")]),
        (Fate(603), ["accepted", "failed: rejected", "ended 0.0"]),
        (Fate(180), ["accepted", "failed: no answer", "ended 0.0"]),
        (Fate(180, rings=False), [Unsent("not rung in time")]),
        (Fate(hangs_up_s=1.0), ["accepted", "answered 0.2", "failed: hung up at 25 %", "ended 1.0"]),
        (Fate(hangs_up_s=3.5), ["accepted", "answered 0.2", "reached: played 87 %", "ended 3.5"]),
    ],
)
async def test_each_end_of_a_call_is_told_for_what_it_is(
    nursery: trio.Nursery,
    tmp_path: Path,
    fate: Fate,
    expected: list[Outcome | str],
    autojump_clock: MockClock,
) -> None:
    world = World(nursery, tmp_path)
    world.peer.fates[NUMBER] = fate
    async with world.running():
        assert expected == told(await world.call(world.envelope()))


async def test_a_clip_that_asterisk_cannot_open(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World(nursery, tmp_path)
    world.peer.missing.add(str(world.clip))
    async with world.running():
        expected = ["accepted", "answered 0.2", "failed: clip not played", "ended 0.0"]
        assert expected == told(await world.call(world.envelope()))


async def test_what_cannot_be_called_is_said_at_once(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World(nursery, tmp_path)
    async with world.running():
        mute = world.envelope(script=False)
        lost = world.envelope("+32470000002", ClipId("f" * 64))
        late = world.envelope("+32470000003")
        await trio.sleep(11)
        expected = [Refused("no clip", "content"), Unsent("deadline passed")]
        events = await world.call(mute, late, world.envelope("+32470000004"), seconds=0.0)
        assert expected == told(events)
        assert [Unsent("deadline passed")] == told(await world.call(lost, seconds=0.0))
        fresh = world.envelope("+32470000005", ClipId("f" * 64))
        assert Refused("clip missing", "content") in told(await world.call(fresh, seconds=0.0))


async def test_asterisk_restarts_in_the_midst_of_calls(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """What has no answer is unknown; what talked has failed, once we know that it is gone."""
    world = World(nursery, tmp_path)
    world.peer.fates["+32470000002"] = Fate(180, rings=False)
    async with world.running():
        before = len(world.events)
        await world.carrier.hand_over([world.envelope(), world.envelope("+32470000002")])
        await trio.sleep(2)
        await world.peer.behave("away")
        for channel in world.peer.channels.values():
            channel.scope.cancel()
        world.peer.channels.clear()
        await trio.sleep(5)
        with pytest.raises(CarrierDownError):
            await world.carrier.hand_over([world.envelope()])
        await world.peer.behave("accept")
        await trio.sleep(20)
        assert HEARD == told(await world.call(world.envelope("+32470000003")))
        events = world.events[before:]
        first = told([e for e in events if getattr(e, "attempt", "") == "a32470000001"])
        assert "failed: connection lost" == first[2]
        assert first[3].startswith("ended 1.")  # type: ignore[union-attr]
        second = told([e for e in events if getattr(e, "attempt", "") == "a32470000002"])
        assert [Unknown("connection lost")] == second


async def test_a_connection_that_is_lost_and_found_loses_no_call(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World(nursery, tmp_path)
    world.peer.lengths_s[str(world.clip)] = CLIP_S
    async with world.running():
        before = len(world.events)
        await world.carrier.hand_over([world.envelope()])
        await trio.sleep(1)
        await world.peer.behave("away")
        await world.peer.behave("accept")
        await trio.sleep(30)
        events = [event for event in world.events[before:] if not isinstance(event, Link)]
        assert HEARD == told(events)
    assert [True, False, True] == [up for up, _ in world.links()]


async def test_whoever_was_called_before_a_crash_is_hung_up(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World(nursery, tmp_path)
    world.peer.fates[NUMBER] = Fate(180)
    async with world.running():
        await world.call(world.envelope(), seconds=5)
        assert 1 == len(world.peer.channels)
    assert ["accepted", "failed: connection lost", "ended 0.0"] == told(world.events)
    async with world.running():
        assert {} == world.peer.channels


async def test_draining_waits_for_calls_and_takes_none(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World(nursery, tmp_path)
    async with world.running():
        await world.carrier.hand_over([world.envelope()])
        started = trio.current_time()
        await world.carrier.drain(60)
        assert pytest.approx(4.2, abs=0.1) == trio.current_time() - started
        with pytest.raises(CarrierDownError):
            await world.carrier.hand_over([world.envelope()])
        world.carrier.acknowledge([], stored=True)


def test_build_reads_the_secret(tmp_path: Path) -> None:
    """The carrier as the configuration names it; its name makes that of the application."""
    (tmp_path / "password").write_text("pass word\n")
    settings = Asterisk(
        name=CarrierName("pbx.1"),
        channels=("tts",),
        url="https://[::1]/ari/",
        user="u",
        password_file=str(tmp_path / "password"),
    )

    async def emit(_: Sequence[Event]) -> None: ...

    async def main() -> AriCarrier:
        return build(settings, emit, TrioClock())

    assert "klaroen-pbx-1" == settings.app
    assert isinstance(trio.run(main), AriCarrier)
    assert ari.PING_S > 0
