"""Media by real sockets: what leaves, which keys are heard, and whose."""

import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest
import trio

from klaroen_adapters.voice.media import Line, MediaRoom
from klaroen_adapters.voice.media_ports import MediaPorts, NoPortError
from klaroen_adapters.voice.rtp_packet import cut
from klaroen_adapters.voice.rtp_playback import Playback, Sounds
from klaroen_adapters.voice.sip_terms import Media

HOST = "127.0.0.1"
CLIP = bytes(range(200)) * 8
SOUNDS = Sounds(cut(CLIP, "PCMA"), 1, cut(CLIP[:320], "PCMA"))
PORTS = range(34_000, 34_040, 2)
PATIENCE_S = 30.0


class World:
    """A room with one line, a callee, and what the line told."""

    def __init__(self, room: MediaRoom, callee: trio.socket.SocketType) -> None:
        self.room, self.callee = room, callee
        self.news: list[str] = []
        self._told = trio.Event()
        self.line = room.open(HOST, self._hear)

    def answer(self, events: int | None = None) -> Playback:
        playback = Playback(SOUNDS)
        media = Media(HOST, self.callee.getsockname()[1], "PCMA", 8, 20, events)
        self.line.answer(media, playback)
        self.room.start(self.line)
        return playback

    def _hear(self, line: Line) -> None:
        assert line.playback is not None
        self.news += line.playback.news
        line.playback.news.clear()
        if "over" in self.news:
            self.room.hush(line)
        self._told.set()
        self._told = trio.Event()

    async def wait(self, holds: Callable[[], bool]) -> None:
        with trio.fail_after(PATIENCE_S):
            while not holds():
                await self._told.wait()


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[World]:
    room = MediaRoom(MediaPorts(PORTS))
    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as callee:
        await callee.bind((HOST, 0))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(room.play)
                nursery.start_soon(room.listen)
                yield World(room, callee)
                nursery.cancel_scope.cancel()
        finally:
            room.end()


def key(number: int, payload_type: int, stamp: int = 1) -> bytes:
    return struct.pack(">BBHIIBBH", 0x80, payload_type, 1, stamp, 7, number, 0x8A, 800)


async def test_a_clip_leaves_from_the_offered_port_as_it_is() -> None:
    """In order, 160 octets a packet, the first of each stretch marked."""
    async with world() as here:
        here.answer()
        heard, marked = b"", 0
        with trio.fail_after(PATIENCE_S):
            while len(heard) < len(CLIP) + 320:
                packet, source = await here.callee.recvfrom(2000)
                assert (HOST, here.line.port) == source
                heard += packet[12:]
                marked += packet[1] >> 7
        assert CLIP + CLIP[:320] == heard
        assert 1 == marked  # the prompt follows at once
        await here.wait(lambda: "over" in here.news)
        assert ["reached", "over"] == here.news


async def test_what_cannot_be_sent_proves_nothing() -> None:
    """No way leads from our address to the callee's."""
    async with world() as here:
        playback = Playback(Sounds(SOUNDS.clip, 1))
        here.line.answer(Media("::1", 9, "PCMA", 8, 20, None), playback)
        here.room.start(here.line)
        await here.wait(lambda: "over" in here.news)
        assert (["over"], 0, len(SOUNDS.clip)) == (here.news, playback.heard_percent, here.room.unsent)


@pytest.mark.parametrize("events", [None, 101, 97])
async def test_keys_are_heard_by_our_payload_type_and_by_the_callees(events: int | None) -> None:
    """Whichever it uses."""
    async with world() as here:
        here.answer(events)
        await here.wait(lambda: "reached" in here.news)
        await here.callee.sendto(key(1, events or 101), (HOST, here.line.port))
        await here.wait(lambda: "over" in here.news)
        assert ["reached", "confirmed", "over"] == here.news


async def test_what_strangers_send_and_what_came_before_the_answer_is_nothing() -> None:
    """Another address; or the right one too soon: it was for whoever had the port before."""
    async with world() as here:
        await here.callee.sendto(key(5, 101), (HOST, here.line.port))
        playback = here.answer()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            stranger.sendto(key(6, 101), (HOST, here.line.port))
        await here.callee.sendto(key(7, 101, 9), (HOST, here.line.port))
        await here.wait(lambda: "replied" in here.news)
        assert "7" == playback.key


async def test_a_socket_is_used_again_and_is_as_it_was() -> None:
    """A payload type of the last callee's means nothing to the next."""
    async with world() as here:
        here.answer(97)
        first = here.line
        here.room.close(first)
        here.room.close(first)
        assert 0 == len(here.room)
        second = World(here.room, here.callee)
        assert first.port == second.line.port
        playback = second.answer()
        await here.callee.sendto(key(5, 97), (HOST, second.line.port))
        await here.callee.sendto(key(6, 101, 9), (HOST, second.line.port))
        await second.wait(lambda: "replied" in second.news)
        assert "6" == playback.key


async def test_ports_are_even_opened_ahead_and_run_out() -> None:
    """A port that somebody else has is left to him."""
    ports = MediaPorts(range(34_100, 34_108, 2))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 34_102))
        await ports.open_ahead(HOST, 2)
        await ports.open_ahead(HOST, 10)
        taken = [ports.take(HOST) for _ in range(3)]
        assert {34_100, 34_104, 34_106} == {one.getsockname()[1] for one in taken}
        with pytest.raises(NoPortError):
            ports.take(HOST)
    for one in taken:
        ports.give_back(HOST, one)
    assert taken[0] is ports.take(HOST)
    taken[0].close()
    ports.close()
    with pytest.raises(OSError, match="assign"):
        MediaPorts(range(34_100, 34_108, 2)).take("192.0.2.1")
