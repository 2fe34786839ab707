"""The central number's desk (R19): who may speak, locks that outlast a restart, and an alert like any other."""

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.fakes.speaker import FakeSpeaker
from tests.simulation.world import World, network

from klaroen.core import calls
from klaroen.core.central import PROMPTS
from klaroen.core.errors import InputError
from klaroen.core.model import CarrierName, ClipId, Instant, NetworkId, Officer, Recorded, RecordingId
from klaroen.core.pins import CALLER_TRIES, LOCK_MS, OFFICER_TRIES, Pin, make_pin
from klaroen.core.ports import Central, Identified
from klaroen.core.recording import Recording
from klaroen.core.views import PinView
from klaroen.dispatch.central import CentralDesk, open_central, tone
from klaroen.recordings import Recordings

CALLER, OTHER = "+32470999999", "+32470888888"
CODE, PIN = "4711", "123456"
SPOKEN = b"\x2a" * 8_000
KNOWN, WRONG, LOCKED = (Identified(verdict, "O1") for verdict in ("known", "wrong", "locked"))  # type: ignore[arg-type]
NETWORKS = (
    network(1),
    network(2, languages=("fr",)),
    network(3, officers=(Officer("O2", "P"),)),
    network(4, recognised=False),
)


class Ear:
    """A recorder that takes everything, and keeps what lay in the spool."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings
        self.taken: list[bytes] = []
        self.known: dict[RecordingId, Recording] = {}
        self.full = False

    async def take(self, name: str, sha256: str, token: str, now: Instant) -> Recording:
        path = self._recordings.spool / name
        assert path.stat().st_mode & 0o777 == 0o600
        self.taken.append(path.read_bytes())
        path.unlink()
        if self.full:
            raise InputError("unavailable", "The recording cannot be kept now.")
        made = Recording(RecordingId("A" * 26), token, sha256, ClipId("a" * 64), ClipId("b" * 64), 1.0, now)
        self.known[made.id] = made
        return made

    def find(self, recording: RecordingId, token: str) -> Recording | None:
        found = self.known.get(recording)
        return found if found is not None and found.token == token else None


def central_of(world: World, speaker: Any = None) -> CentralDesk:
    recordings = Recordings(world.directory)
    world.desk.recorder = Ear(recordings)
    return CentralDesk(world.desk, speaker or FakeSpeaker(), recordings)


async def give_pin(world: World, officer: str = "O1", code: str = CODE) -> None:
    made = make_pin(officer, code, PIN, b"s" * 16, world.clock.now())
    await world.ask(calls.PutPin(made), type(None), None)


async def tried(world: World, central: CentralDesk, caller: str, code: str, pin: str) -> Identified:
    """PINs are compared in a thread."""
    with world.standing_still():
        return await central.identify(caller, code, pin)


async def test_R19_an_officer_is_known_by_code_and_pin_and_every_try_is_logged(autojump_clock, world_of) -> None:
    """The log of record names officers, and callers by a keyed hash alone."""
    async with world_of().running() as world:
        await give_pin(world)
        central = central_of(world)
        with capture_logs() as logs:
            assert KNOWN == await tried(world, central, CALLER, CODE, PIN)
            assert WRONG == await tried(world, central, CALLER, CODE, "000000")
            assert Identified("wrong") == await tried(world, central, "", "1", PIN)
        assert ["identified", "wrong PIN", "unknown number"] == [one["what"].partition(": ")[2] for one in logs]
        assert {"audit"} == {one["event"] for one in logs}
        assert CALLER not in repr(logs)
        assert PIN not in repr(logs)


async def test_a_caller_is_locked_out_and_stays_so_over_a_restart(autojump_clock, world_of) -> None:
    """Even the right PIN is refused then; another caller is not, and after the time nobody is."""
    world = world_of()
    async with world.running():
        await give_pin(world)
        await give_pin(world, "O1", "4712")  # a new code voids the old one
        await give_pin(world)
        central = central_of(world)
        for _ in range(CALLER_TRIES - 1):
            assert Identified("wrong") == await tried(world, central, CALLER, "999", PIN)
        assert Identified("locked") == await tried(world, central, CALLER, "999", PIN)
    async with world.running():
        central = central_of(world)
        assert LOCKED == await tried(world, central, CALLER, CODE, PIN)
        assert KNOWN == await tried(world, central, OTHER, CODE, PIN)
        world.mock.jump(LOCK_MS / 1000)
        assert KNOWN == await tried(world, central, CALLER, CODE, PIN)


async def test_an_officer_is_locked_out_by_wrong_pins_from_anywhere_and_unlocked_by_the_operator(
    autojump_clock, world_of
) -> None:
    async with world_of().running() as world:
        await give_pin(world)
        central = central_of(world)
        for index in range(OFFICER_TRIES - 1):
            assert WRONG == await tried(world, central, f"+3247000000{index}", CODE, "0")
        assert LOCKED == await tried(world, central, OTHER, CODE, "0")
        assert LOCKED == await tried(world, central, CALLER, CODE, PIN)
        (view,) = await world.ask(calls.ListPins(), tuple[PinView, ...], None)
        assert ("O1", CODE, 1) == (view.officer, view.code, view.networks)
        assert view.locked_until is not None
        await world.ask(calls.UnlockOfficer("O1"), type(None), None)
        (view,) = await world.ask(calls.ListPins(), tuple[PinView, ...], None)
        assert view.locked_until is None
        assert KNOWN == await tried(world, central, CALLER, CODE, PIN)


async def test_a_right_pin_forgets_wrong_ones(autojump_clock, world_of) -> None:
    async with world_of().running() as world:
        await give_pin(world)
        central = central_of(world)
        for _ in range(3):
            for _ in range(CALLER_TRIES - 1):
                assert WRONG == await tried(world, central, CALLER, CODE, "0")
            assert KNOWN == await tried(world, central, CALLER, CODE, PIN)


async def test_pins_are_for_officers_of_the_register_and_their_codes_differ(autojump_clock, world_of) -> None:
    """What is revoked identifies nobody."""
    async with world_of(networks=NETWORKS, members=5).running() as world:
        await give_pin(world)
        for made, words in (
            (Pin("O9", "1", b"", b"", Instant(0)), "names no such officer"),
            (Pin("O2", CODE, b"", b"", Instant(0)), "Another officer has that code"),
        ):
            with pytest.raises(InputError, match=words):
                await world.ask(calls.PutPin(made), type(None), None)
        for question in (calls.RevokePin("O2"), calls.UnlockOfficer("O2")):
            with pytest.raises(InputError, match="has no PIN"):
                await world.ask(question, type(None), None)
        with pytest.raises(InputError, match="Only the command line"):
            await world.ask(calls.ListPins(), object, "police")
        await world.ask(calls.RevokePin("O1"), type(None), None)
        assert () == await world.ask(calls.ListPins(), tuple[PinView, ...], None)
        assert Identified("wrong") == await tried(world, central_of(world), CALLER, CODE, PIN)


async def test_R19_what_was_spoken_goes_to_the_officers_networks_and_no_others(autojump_clock, world_of) -> None:
    """As a warm alert by the police, once a call, however often the call is told of; a network that is not
    recognised any more is left out (R1)."""
    async with world_of(networks=NETWORKS, members=5).running() as world:
        central = central_of(world)
        with world.standing_still(), capture_logs() as logs:
            assert await central.warn("1795302930.7", "O1", SPOKEN)
            assert await central.warn("1795302930.7", "O1", SPOKEN)
        assert ["central number: members are warned"] * 2 == [one["what"] for one in logs]
        (opened,) = world.desk.alerts.values()
        alert = opened.alert
        assert ("warm", "live", "police") == (alert.alert_class, alert.mode, alert.role)
        assert (NetworkId("BIN-0001"), NetworkId("BIN-0002")) == alert.networks
        assert ["BIN-0004"] == [one.network for one in alert.refused]
        assert ("O1", "central number") == (alert.author, alert.reference)
        assert {"nl": Recorded(RecordingId("A" * 26), ClipId("b" * 64), 1.0)} == alert.recording
        ear = world.desk.recorder
        assert isinstance(ear, Ear)
        assert b"RIFF" == ear.taken[0][:4]
        status = await world.over(alert.id)
        assert (10, 10) == (status.members, status.reached)
        assert {"tts"} == set(status.channels)


@pytest.mark.parametrize(("officer", "full", "why"), [("O9", False, "nobody"), ("O1", True, "unavailable")])
async def test_where_nobody_is_warned_the_officer_hears_so(
    autojump_clock, world_of, officer: str, full: bool, why: str
) -> None:
    async with world_of().running() as world:
        central = central_of(world)
        ear = world.desk.recorder
        assert isinstance(ear, Ear)
        ear.full = full
        with world.standing_still(), capture_logs() as logs:
            assert not await central.warn("7.1", officer, SPOKEN)
        assert [f"central number: nobody is warned ({why})"] == [one["what"] for one in logs]
        assert {} == world.desk.alerts


async def test_where_no_recordings_are_taken_nobody_is_warned(autojump_clock, world_of) -> None:
    async with world_of().running() as world:
        central = central_of(world)
        world.desk.recorder = None
        assert not await central.warn("7.1", "O1", SPOKEN)


async def test_prompts_are_clips_that_are_asked_for_anew(autojump_clock, world_of, directory: Path) -> None:
    """Nobody forgets them for want of calls."""
    async with world_of().running() as world:
        speaker = FakeSpeaker()
        recordings = Recordings(directory)
        central = CentralDesk(world.desk, speaker, recordings)
        with world.standing_still():
            prompts = await central.prompts("nl")
        assert set(PROMPTS) == set(prompts)
        assert tone() == recordings.clips.read(prompts["tone"])
        assert len(PROMPTS) == len(set(prompts.values()))


async def test_carriers_that_can_be_called_get_the_central_number(autojump_clock, world_of) -> None:
    class Called:
        central: Central | None = None

        def serve(self, central: Central) -> None:
            self.central = central

    async with world_of().running() as world:
        called: Any = Called()
        station = world.desk.stations[CarrierName("alpha")]
        carrier, station.carrier = station.carrier, called
        open_central(world.desk, FakeSpeaker(), Recordings(world.directory))
        station.carrier = carrier
        assert isinstance(called.central, CentralDesk)
