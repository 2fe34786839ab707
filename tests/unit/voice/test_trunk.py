"""A trunk in a voice process, with a real socket and virtual time: when it is up, and what it will not begin."""

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import trio
from msgspec.structs import replace
from tests.fakes.sip_callee import SipPeer, answer
from trio.testing import MockClock

from klaroen.clips import ClipStore
from klaroen.core.model import AttemptId, CarrierName, ClipId
from klaroen.core.ports import Accepted, Answer, Call, Event, Link, Outcome, Receipt, Refused, Script, Unknown, Unsent
from klaroen.settings import Sip
from klaroen.telemetry.voice import VoiceMetrics
from klaroen.testing import TrioClock
from klaroen_adapters.tcp import ConnectError
from klaroen_adapters.voice.clip_shelf import ClipShelf
from klaroen_adapters.voice.media import MediaRoom
from klaroen_adapters.voice.media_ports import MediaPorts, NoPortError
from klaroen_adapters.voice.trunk import Trunk
from klaroen_adapters.voice.voice_frames import Dial, Place

CLIP = bytes(range(1, 201)) * 40
SIP = Sip(name=CarrierName("trunk"), channels=("voice",), host="127.0.0.1", lines=3)
ANSWER_S = 5.0


class World:
    """One trunk, its peer, and what it told."""

    def __init__(self, trunk: Trunk, peer: SipPeer, room: MediaRoom, clip: ClipId) -> None:
        self.trunk, self.peer, self.room = trunk, peer, room
        self.script = Script(clip, 10.0, 1)
        self.events: list[Event] = []
        self._called = 0

    async def call(self, number: str = "+32470000001", *, expire_s: float = 60.0, **changes: Any) -> AttemptId:
        self._called += 1
        attempt = AttemptId(f"A{self._called}")
        script = replace(self.script, **changes)
        await self.trunk.place(Dial(script, expire_s, (Place(attempt, number, ANSWER_S),)))
        return attempt

    async def outcome(self, attempt: AttemptId) -> Outcome:
        while True:
            for event in self._read():
                if isinstance(event, Answer) and event.attempt == attempt:
                    return event.outcome
            await self._more()

    async def end(self, attempt: AttemptId) -> list[str]:
        """Wait for the end of a call, and return its receipts' words."""
        while not any(
            isinstance(one, Call) and one.phase == "ended" and one.attempt == attempt for one in self._read()
        ):
            await self._more()
        return [one.code for one in self.events if isinstance(one, Receipt) and one.attempt == attempt]

    async def up(self, up: bool = True) -> Link:
        while self.trunk.link.up is not up:
            await self._more()
        return self.trunk.link

    def _read(self) -> list[Event]:
        self.events += self.trunk.outbox
        self.trunk.outbox = []
        return self.events

    async def _more(self) -> None:
        with trio.fail_after(600):
            await self.trunk.told.wait()
        self.trunk.told = trio.Event()


@contextlib.asynccontextmanager
async def world(directory: Path, settings: Sip = SIP, **keys: Any) -> AsyncIterator[World]:
    store, clock = ClipStore(directory), TrioClock()
    room = MediaRoom(MediaPorts(range(34_200, 34_240, 2)))
    metrics = VoiceMetrics(dict, lambda: 0.0)
    try:
        async with trio.open_nursery() as nursery:
            peer = SipPeer(nursery)
            settings = replace(settings, port=await peer.open())
            shelf = ClipShelf(store, at_once=True)
            trunk = Trunk(settings, room, shelf, metrics.trunk(settings.name), clock.now, **keys)
            for task in (room.play, room.listen, trunk.run):
                nursery.start_soon(task)
            yield World(trunk, peer, room, store.put(CLIP))
            nursery.cancel_scope.cancel()
    finally:
        room.end()


async def test_a_trunk_is_up_while_it_answers_options(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Silence is down; so is 503; it is back as soon as it answers."""
    async with world(tmp_path) as here:
        assert Link(True, 3, "up") == await here.up()
        await here.peer.behave("away")
        assert Link(False, 0, "no answer to OPTIONS") == await here.up(False)
        assert Unsent("trunk down") == await here.outcome(await here.call())
        await here.peer.behave("accept")
        await here.up()
        assert isinstance(await here.outcome(await here.call()), Accepted)


async def test_a_trunk_that_says_503_to_options_is_down(tmp_path: Path, autojump_clock: MockClock) -> None:
    """It asks to go elsewhere."""
    async with world(tmp_path) as here:
        await here.up()
        here.peer.options = 503
        assert Link(False, 0, "trunk 503") == await here.up(False)


async def test_what_a_trunk_says_of_calls_is_a_sign_of_life_too(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Though it lets OPTIONS lie."""
    async with world(tmp_path) as here:
        await here.up()
        here.peer.options = 0
        for _ in range(12):
            await here.end(await here.call())
        assert here.trunk.link.up
        assert Link(False, 0, "no answer to OPTIONS") == await here.up(False)


async def test_a_trunk_that_is_not_asked_is_taken_to_be_up(tmp_path: Path, autojump_clock: MockClock) -> None:
    """`probe = false`."""
    async with world(tmp_path, replace(SIP, probe=False)) as here:
        await here.peer.behave("away")
        assert Link(True, 3, "not asked") == await here.up()
        assert Unknown("no answer to the INVITE") == await here.outcome(await here.call())


async def test_a_trunk_that_was_away_for_long_is_looked_up_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Its name may mean another address by then; calls that stand keep the old way."""
    async with world(tmp_path) as here:
        await here.up()
        await here.peer.behave("away")
        await here.up(False)
        await trio.sleep(60)
        await here.peer.behave("accept")
        await here.up()
        assert 2 == len(here.peer.sources)


async def test_a_name_that_nobody_knows_is_asked_for_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    """And said, without the name."""
    resolver = Resolver()
    trio.socket.set_custom_hostname_resolver(resolver)
    async with world(tmp_path, replace(SIP, host="trunk.test")) as here:
        while not here.trunk.link.words.startswith("Name"):
            await here._more()
        resolver.known = True
        await here.up()


class Resolver(trio.abc.HostnameResolver):
    """Knows one name, once it does."""

    known = False

    async def getaddrinfo(self, host: Any, port: Any, *_: Any) -> Any:
        if not self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port))]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


async def test_no_call_is_begun_while_ticks_come_late(tmp_path: Path, autojump_clock: MockClock) -> None:
    """It may be made elsewhere, or a second later."""
    async with world(tmp_path) as here:
        await here.up()
        here.room.lateness.p99_s = 0.02
        assert Unsent("voice process late", 1.0, throttled=True) == await here.outcome(await here.call())
        here.room.lateness.p99_s = 0.0
        assert isinstance(await here.outcome(await here.call()), Accepted)


async def test_a_draining_trunk_begins_no_call(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Those that stand go on, until they are hung up."""
    async with world(tmp_path) as here:
        await here.up()
        await here.peer.behave("ring")
        ringing = await here.call()
        await here.outcome(ringing)
        here.trunk.draining = True
        assert Unsent("stopping") == await here.outcome(await here.call())
        here.trunk.hang_up_all()
        assert ["no answer"] == await here.end(ringing)
        assert 0 == len(here.trunk)


async def test_a_call_without_a_port_of_ours_is_not_begun(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Nor one that the system grants no socket."""
    async with world(tmp_path) as here:
        await here.up()
        taken = []
        with contextlib.suppress(NoPortError):  # some of them may be somebody else's by now
            while True:
                taken.append(here.room.ports.take("127.0.0.1"))
        assert taken
        assert Unsent("no port free", 1.0, throttled=True) == await here.outcome(await here.call())
        for one in taken:
            here.room.ports.give_back("127.0.0.1", one)
        assert isinstance(await here.outcome(await here.call()), Accepted)


async def test_a_missing_prompt_keeps_no_call_from_being_made(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A missing clip does."""
    async with world(tmp_path) as here:
        await here.up()
        nowhere = ClipId("0" * 64)
        assert Refused("no clip", "content") == await here.outcome(await here.call(clip=nowhere))
        assert ["played 80 %"] == await here.end(await here.call(prompt=nowhere, reply=nowhere))


async def test_tcp_is_tried_again_until_it_connects(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A connection that goes takes the calls with it that had no answer; so does one on which no SIP is spoken."""
    async with trio.open_nursery() as nursery:
        server = TcpTrunk(nursery)
        async with world(tmp_path, replace(SIP, transport="tcp"), connect=server.connect) as here:
            assert Link(True, 3, "up") == await here.up()
            attempt = await here.call()
            await server.heard("INVITE")
            await server.stream.aclose()
            assert Unknown("connection lost") == await here.outcome(attempt)
            assert Link(False, 0, "connection lost") == here.trunk.link
            await here.up()
            await server.stream.send_all(b"x" * 20_000)
            await here.up(False)
            await here.up()
        assert 4 == server.tries
        nursery.cancel_scope.cancel()


async def test_a_tcp_trunk_that_is_not_asked_is_up_while_it_is_connected(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """And no longer."""
    async with trio.open_nursery() as nursery:
        server = TcpTrunk(nursery)
        async with world(tmp_path, replace(SIP, transport="tcp", probe=False), connect=server.connect) as here:
            assert not here.trunk.link.up
            assert Link(True, 3, "not asked") == await here.up()
            await server.stream.aclose()
            assert Link(False, 0, "connection lost") == await here.up(False)
            await here.up()
        nursery.cancel_scope.cancel()


class TcpTrunk:
    """Answers OPTIONS, and nothing else; its first connection is refused."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.tries = 0
        self.stream: trio.SocketStream
        self._nursery = nursery
        self._said = b""
        self._more = trio.Event()

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        self.tries += 1
        if self.tries == 1:
            raise ConnectError("refused")
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with listener:
            ours = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
            self.stream = await listener.accept()
        self._nursery.start_soon(self._serve, self.stream)
        return ours

    async def heard(self, words: str) -> None:
        while words.encode() not in self._said:
            await self._more.wait()

    async def _serve(self, stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            async with stream:
                while chunk := await stream.receive_some():
                    self._said += chunk
                    self._more.set()
                    self._more = trio.Event()
                    if chunk.startswith(b"OPTIONS"):
                        await stream.send_all(answer(chunk.decode(), 200).encode())
