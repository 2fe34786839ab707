"""Callers to the central number through the driver of kind `asterisk`, in virtual time."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace
from tests.fakes.asterisk import PASSWORD, AsteriskPeer
from tests.unit.voice.test_ari_carrier import World
from trio.testing import MockClock

from klaroen.core.central import PROMPTS, Prompt
from klaroen.core.errors import UnspeakableError
from klaroen.core.model import ClipId, Language
from klaroen.core.ports import Central, Fault, Identified, Switchboard
from klaroen_adapters.voice import inbound
from klaroen_adapters.voice.ari import AriCarrier

CALLER = "1795302930.7"
SPOKEN = b"\x2a" * 8_000


class FakeCentral:
    """Knows one officer."""

    def __init__(self) -> None:
        self.warned: list[tuple[str, str, bytes]] = []
        self.tried: list[tuple[str, str, str]] = []
        self.accepts = True
        self.mute = 0
        """How often no voice can speak yet."""
        self.asked = 0

    async def prompts(self, language: Language) -> Mapping[Prompt, ClipId]:
        self.asked += 1
        await trio.lowlevel.checkpoint()
        if self.mute:
            self.mute -= 1
            raise UnspeakableError("no voice")
        return {prompt: ClipId(f"{language}-{prompt}") for prompt in PROMPTS}

    async def identify(self, caller: str, code: str, pin: str) -> Identified:
        self.tried.append((caller, code, pin))
        await trio.sleep(0.05)
        return Identified("known", "O1") if (code, pin) == ("4711", "123456") else Identified("wrong")

    async def warn(self, call: str, officer: str, recording: bytes) -> bool:
        self.warned.append((call, officer, recording))
        await trio.sleep(0.05)
        return self.accepts


class Number(World):
    """A carrier that may be called, with somebody behind the telephone."""

    def __init__(self, nursery: trio.Nursery, directory: Path, language: Language | None = "nl") -> None:
        super().__init__(nursery, directory)
        self.settings = replace(self.settings, central_language=language)
        self.carrier = AriCarrier(self.settings, PASSWORD, self._emit, self.clock, self.peer.connect)
        self.central = FakeCentral()
        self.carrier.serve(self.central)

    def said(self) -> list[str]:
        return [clip.removeprefix("nl-") for _, clip in self.peer.played]

    async def speak(self) -> None:
        """Identify, speak, and hear it back: each prompt lasts a second."""
        await self.peer.come(CALLER, "central")
        await self.peer.press(CALLER, "4711#123456#")
        await trio.sleep(3)
        await self.peer.press(CALLER, "#")
        await trio.sleep(4)


def faults(world: World) -> list[str]:
    return [event.words for event in world.events if isinstance(event, Fault)]


async def test_R19_an_officer_speaks_and_what_was_said_is_handed_on(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The recording is fetched, and nothing of it stays at Asterisk."""
    world = Number(nursery, tmp_path)
    assert isinstance(world.carrier, Switchboard)
    central: Central = world.central
    assert central is world.central
    async with world.running():
        await world.speak()
        assert [] == world.central.warned
        await world.peer.press(CALLER, "1")
        await trio.sleep(3)
    assert [("+32470999999", "4711", "123456")] == world.central.tried
    assert [(CALLER, "O1", SPOKEN)] == world.central.warned
    said = world.said()
    assert ["code", "pin", "speak", "tone", "yours"] == said[:5]
    assert ["choose", "sent"] == said[6:]
    assert ({}, {}) == (world.peer.recordings, world.peer.channels)
    assert [] == faults(world)


@pytest.mark.parametrize("lost", [True, False])
async def test_what_cannot_be_sent_is_said(
    nursery: trio.Nursery, tmp_path: Path, lost: bool, autojump_clock: MockClock
) -> None:
    """Asterisk has lost the recording, or nobody is warned."""
    world = Number(nursery, tmp_path)
    world.central.accepts = False
    async with world.running():
        await world.speak()
        if lost:
            world.peer.recordings.clear()
        await world.peer.press(CALLER, "1")
        await trio.sleep(3)
    assert ([] if lost else [(CALLER, "O1", SPOKEN)]) == world.central.warned
    assert "unsent" == world.said()[-1]


async def test_nobody_is_answered_until_a_voice_can_speak(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again and again; later once a day, so that its clips are not forgotten."""
    monkeypatch.setattr(inbound, "ANEW_S", 600.0)  # a day is 8,640 pings
    world = Number(nursery, tmp_path)
    world.central.mute = 2
    async with world.running():
        await world.peer.come(CALLER, "central")
        await trio.sleep(1)
        assert {} == world.peer.channels
        await trio.sleep(130)
        await world.peer.come(CALLER, "central")
        await trio.sleep(0.5)
        assert ["code"] == world.said()
        await trio.sleep(601)
        assert 4 == world.central.asked
    assert ["a caller who was not taken"] == faults(world)


async def test_without_a_language_nobody_is_answered(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = Number(nursery, tmp_path, None)
    async with world.running():
        await world.peer.come(CALLER, "central")
        await trio.sleep(1)
        assert {} == world.peer.channels
    assert 0 == world.central.asked


async def test_who_says_nothing_is_asked_again_and_left(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = Number(nursery, tmp_path)
    async with world.running():
        await world.peer.come(CALLER, "central")
        await trio.sleep(60)
    assert (["code", "code", "bye"], {}) == (world.said(), world.peer.channels)


async def test_a_caller_is_a_stranger_after_a_lost_connection(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Its dial plan ends the call; calls of ours are not disturbed by it."""
    world = Number(nursery, tmp_path)
    async with world.running():
        await world.peer.come(CALLER, "central")
        await trio.sleep(0.5)
        await world.peer.behave("away")
        await world.peer.behave("accept")
        await trio.sleep(5)
        await world.peer.press(CALLER, "4711#")
        assert ["code"] == world.said()
        assert isinstance(world.peer, AsteriskPeer)
