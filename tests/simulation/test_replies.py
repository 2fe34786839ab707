"""What members write back (R17), in a whole dispatch: shown to the police, answered once, STOP obeyed at once."""

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.world import TOKENS, World, address, network, register, token
from trio.testing import MockClock

from klaroen.core.errors import InputError
from klaroen.core.mandates import HaltRequest, StopNetwork
from klaroen.core.model import AlertId, CarrierName, Plan, Window, Zone, ZoneId
from klaroen.core.ports import Accepted, Answer, Carrier, Clock, Emit, Envelope, Link, Receipt, Reply
from klaroen.core.replies import (
    REPLIES_KEPT_MAX,
    EndQuiet,
    ListQuiet,
    ListReplies,
    PutReplies,
    QuietPage,
    ReplyPage,
    SayFarewell,
)
from klaroen.dispatch import hearing
from klaroen.register.model import Register
from klaroen.settings import Plugged, Retention
from klaroen.telemetry.dispatch import REPLIES
from klaroen.testing.deeds import PROVED, Proof, call
from klaroen.testing.far_end import FarEnd

SENTENCE = "Dit nummer wordt niet gelezen. Bel 101."
PEOPLE = (
    token("z1", "police", "Z1"),
    token("z2", "police", "Z2"),
    replace(token("k1", "coordinator"), networks=("BIN-0001",)),
)


def country(members: int = 2) -> Register:
    """Two zones with a network each, by SMS for everything; the first zone has a sentence of its own."""
    week = (Window("00:00", "24:00", ("sms",)),)
    plans = (Plan(1, "2020-01-01", week, week),)
    made = register([network(1, plans=plans), network(2, plans=plans, zone="Z2")], members)
    zones = (Zone(ZoneId("Z1"), "Zone 1", reply={"nl": SENTENCE}), Zone(ZoneId("Z2"), "Zone 2", call_number="02 1"))
    return Register(zones, made.networks, made.members)


def world_of(tmp_path: Path, clock: MockClock, end: FarEnd | None = None, **changes: Any) -> World:
    return world_with(tmp_path, clock, country(), end, **changes)


def world_with(tmp_path: Path, clock: MockClock, people: Register, end: FarEnd | None = None, **changes: Any) -> World:
    return World(tmp_path, clock, [end or FarEnd("a")], people, calls=None, tokens=(*TOKENS, *PEOPLE), **changes)


async def write(world: World, *said: tuple[int, str]) -> None:
    """These members write these words; they are durable when it returns."""
    replies = tuple(Reply(address(member), words) for member, words in said)
    await world.ask(PutReplies(CarrierName("a"), replies), type(None), None)


async def shown(world: World, alert: str, who: str = "police") -> Sequence[tuple[str, str, str | None]]:
    page = await world.ask(ListReplies(AlertId(alert)), ReplyPage, who)
    return [(one.member, one.kind, one.text) for one in page.items]


def texts_to(world: World, member: int) -> list[str]:
    return [copy.text for copy in world.copies if copy.address == address(member)]


async def test_R17_a_reply_is_shown_to_the_police_of_the_zone_and_answered_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = world_of(tmp_path, autojump_clock)
    async with world.running():
        sent = await world.send()
        await world.over(sent.id)
        await write(world, (0, "Ik zie een witte wagen"), (2, "Ok"))
        await world.until(lambda: len(world.copies) == 6)
        await write(world, (0, "Nummerplaat 1-ABC-123"), (0, "Ik zie een witte wagen"))
        await trio.sleep(60)
        assert [SENTENCE] == texts_to(world, 0)[1:], "once an alert, with the zone's own sentence"
        assert ["Dit is een automatisch bericht. Hebt u iets te melden, bel dan 02 1."] == texts_to(world, 2)[1:]
        mine = [("M0", "text", "Ik zie een witte wagen"), ("M0", "text", "Nummerplaat 1-ABC-123")]
        assert (mine, [("M2", "text", "Ok")]) == (await shown(world, sent.id, "z1"), await shown(world, sent.id, "z2"))
        assert 3 == (await world.ask(ListReplies(AlertId(sent.id)), ReplyPage, "z1")).count


async def test_R17_who_wrote_is_answered_though_the_network_is_stopped(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The sentence that tells whom to call goes to a person: R1 stops what a network is sent."""
    world = world_of(tmp_path, autojump_clock)
    async with world.running():
        await world.over((await world.send()).id)
        await write(world, (0, "Ik zie een witte wagen"))
        await world.ask(StopNetwork("BIN-0001", HaltRequest("R", "W")), object)
    async with world.running():
        await world.until(lambda: len(world.copies) == 5)
        await trio.sleep(30)
        assert [SENTENCE] == texts_to(world, 0)[1:]


async def test_R17_a_coordinator_never_sees_a_reply(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Nor does anybody else but the police, whoever sent the alert."""
    world = world_of(tmp_path, autojump_clock)
    async with world.running():
        sent = await world.send("crisis", **{"class": "crisis"})
        await world.over(sent.id)
        await write(world, (0, "Help"))
        for who in ("k1", "operator", "crisis"):
            with pytest.raises(InputError):
                await shown(world, sent.id, who)
        assert [("M0", "text", "Help")] == await shown(world, sent.id)


@pytest.mark.parametrize("word", ["STOP", " stop. ", "Stoppen", "ARRÊT", "arret", "Stopp!", "uitschrijven"])
async def test_R17_stop_ends_cold_messages_and_the_list_keeper_resumes_them(
    tmp_path: Path, autojump_clock: MockClock, word: str
) -> None:
    """Warm ones go on; a restart changes nothing."""
    world = world_of(tmp_path, autojump_clock)
    async with world.running():
        await world.over((await world.send()).id)
        await write(world, (0, word))
    async with world.running():
        cold = await world.send(**{"class": "cold"})
        assert (3, "1 members have ended cold messages and are left out (R17).") == (cold.members, cold.warnings[0])
        await world.over(cold.id)
        await world.over((await world.send(content={"nl": {"text": "warm"}})).id)
        assert "warm" in texts_to(world, 0)
        page = await world.ask(ListQuiet("BIN-0001"), QuietPage, "k1")
        assert [("M0", None, "reply")] == [(one.member, one.channel, one.by) for one in page.items]
        assert () == (await world.ask(EndQuiet("BIN-0001", "M0"), QuietPage, "k1")).items
        assert 4 == (await world.send(**{"class": "cold", "content": {"nl": {"text": "again"}}})).members


async def test_R17_stop_stops_what_is_under_way_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A cold message of which nothing has left to the member does not leave any more."""
    end = FarEnd("a", PROVED)
    world = world_of(tmp_path, autojump_clock, end)
    async with world.running():
        await world.over((await world.send()).id)
        await world.switch("a", "avoid")
        cold = await world.send(**{"class": "cold", "content": {"nl": {"text": "koud"}}})
        await write(world, (0, "stop"))
        await world.switch("a", "restore")
        ended = await world.over(cold.id)
        assert (3, 4) == (ended.reached, ended.members)
        assert "koud" not in texts_to(world, 0)


async def test_R17_replies_are_counted_by_what_they_were(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Never by whom, or in which words."""
    world = world_of(tmp_path, autojump_clock)
    async with world.running():
        await world.over((await world.send()).id)
        await write(world, (0, "Ik zie een witte wagen"), (1, "STOP"), (1, "stop!"), (99, "Wie is dit?"))
        told = {
            outcome: world.desk.metrics.registry.get_sample_value("klaroen_replies_total", {"outcome": outcome})
            for outcome in REPLIES
        }
    assert {"text": 1, "stop": 2, "key": 0, "stranger": 1} == told


async def test_R17_a_sentence_that_holds_the_word_is_a_report(tmp_path: Path, autojump_clock: MockClock) -> None:
    world = world_of(tmp_path, autojump_clock)
    async with world.running():
        sent = await world.send()
        await world.over(sent.id)
        await write(world, (0, "Hij staat aan de bushalte Stop"))
        assert [("M0", "text", "Hij staat aan de bushalte Stop")] == await shown(world, sent.id)
        assert 4 == (await world.send(**{"class": "cold"})).members


async def test_R17_the_link_in_a_mail_ends_cold_mails_and_nothing_else(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """It names nobody, is the same in each mail to one member, and the plan's next channel follows."""
    week = (Window("00:00", "24:00", ("email", "sms")),)
    made = register([network(1, plans=(Plan(1, "2020-01-01", week, week),))], 2)
    people = Register(
        made.zones, made.networks, tuple(replace(one, email=f"{one.id}@example.be") for one in made.members)
    )
    ends = [FarEnd("a"), FarEnd("mail")]
    world = World(tmp_path, autojump_clock, ends, people, calls=None, carriers={"mail": {"channels": ("email",)}})
    async with world.running():
        await world.over((await world.send(**{"class": "cold"})).id)
        links = {one.envelope.address: one.envelope.farewell for one in ends[1].handed}
        assert 2 == len(set(links.values()))
        assert all(len(link) == 32 and "M" not in link for link in links.values())
        await world.ask(SayFarewell(links["M0@example.be"]), type(None), None)
        with pytest.raises(InputError):
            await world.ask(SayFarewell("0" * 32), type(None), None)
    async with world.running():
        await world.over((await world.send(**{"class": "cold", "content": {"nl": {"text": "koud"}}})).id)
        assert ["M1@example.be"] == [copy.address for copy in ends[1].copies if copy.text == "koud"]
        assert [address(0)] == [copy.address for copy in ends[0].copies if copy.text == "koud"]
        warm = await world.send(content={"nl": {"text": "warm"}})
        await world.over(warm.id)
        assert {"M0@example.be", "M1@example.be"} == {c.address for c in ends[1].copies if c.text == "warm"}
        assert {""} == {one.envelope.farewell for one in ends[1].handed if one.envelope.content.text == "warm"}


async def test_a_reply_is_durable_before_it_is_acknowledged(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A disk that refuses keeps nothing and says so; what is owed an answer after a restart gets it, once."""
    world = world_of(tmp_path, autojump_clock)
    async with world.running():
        sent = await world.send()
        await world.over(sent.id)
        world.disk_full = True
        with pytest.raises(InputError) as refused:
            await write(world, (0, "hallo"))
        assert "unavailable" == refused.value.problem.name
        world.disk_full = False
        assert [] == await shown(world, sent.id)
        await write(world, (0, "hallo"))
    async with world.running():
        await world.until(lambda: len(texts_to(world, 0)) == 2)
        await trio.sleep(30)
    async with world.running():
        await trio.sleep(30)
        assert 2 == len(texts_to(world, 0))
        assert [("M0", "text", "hallo")] == await shown(world, sent.id)


async def test_a_flood_of_replies_is_bounded(tmp_path: Path, autojump_clock: MockClock) -> None:
    """One member is kept so many, and all of a zone are answered by one alert."""
    world = world_with(tmp_path, autojump_clock, country(60))
    async with world.running():
        sent = await world.send()
        await world.over(sent.id)
        await write(world, *((0, f"nog iets {index}") for index in range(REPLIES_KEPT_MAX + 10)))
        await write(world, *((member, "ok") for member in range(1, 120)))
        await world.until(lambda: len(world.copies) == 240)
        assert REPLIES_KEPT_MAX + 119 == (await world.ask(ListReplies(AlertId(sent.id)), ReplyPage)).count
        answers = [row.alert for row in world.desk.store.alerts(None, 50, (), ()) if row.alert.origin == "reply"]
        assert {60, 59, 1} >= {alert.members for alert in answers}
        assert len(answers) <= 4


async def test_who_was_handed_nothing_writes_to_nobody(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A stranger's words are kept nowhere, and answered by nobody."""
    world = world_of(tmp_path, autojump_clock)
    async with world.running():
        sent = await world.send(targets={"networks": ["BIN-0001"]})
        await world.over(sent.id)
        await world.ask(PutReplies(CarrierName("a"), (Reply("+32499999999", "wie?"),)), type(None), None)
        await write(world, (3, "ik ook?"))
        await trio.sleep(30)
        assert ([], 2) == (await shown(world, sent.id), len(world.copies))


async def test_a_number_may_be_written_as_the_carrier_likes(tmp_path: Path, autojump_clock: MockClock) -> None:
    world = world_of(tmp_path, autojump_clock)
    async with world.running():
        sent = await world.send()
        await world.over(sent.id)
        for index, written in enumerate(
            ("+32470000000", "32470000000", "0032470000000", "0470000000", "0470/00.00.00")
        ):
            await world.ask(PutReplies(CarrierName("a"), (Reply(written, str(index)),)), type(None), None)
        assert 5 == len(await shown(world, sent.id))


async def test_words_are_forgotten_after_their_days_and_counts_stay(tmp_path: Path, autojump_clock: MockClock) -> None:
    world = world_of(tmp_path, autojump_clock)
    world.settings = replace(world.settings, retention=Retention(replies_days=3))
    async with world.running():
        sent = await world.send()
        await world.over(sent.id)
        await write(world, (0, "een naam"))
    await trio.sleep(2 * 86_400)
    async with world.running():
        await trio.sleep(1)
        assert [("M0", "text", "een naam")] == await shown(world, sent.id)
    await trio.sleep(1.1 * 86_400)
    async with world.running():
        await trio.sleep(1)
        assert [("M0", "text", None)] == await shown(world, sent.id)
        assert 1 == (await world.ask(ListReplies(AlertId(sent.id)), ReplyPage)).count


async def test_R17_a_key_other_than_the_confirmation_is_a_reply(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The call itself answers it; a key that a carrier tells of twice is one."""
    pressed = Proof(3.0, "buffered", "attempt", "key 3")
    heard = call(4.0, pressed, pressed, Proof(5.9, "reached", "attempt"))
    week = (Window("00:00", "24:00", ("tts",)),)
    made = register([network(1, plans=(Plan(1, "2020-01-01", week, week),))], 1)
    carriers = {"a": {"channels": ("tts",)}}
    world = World(tmp_path, autojump_clock, [FarEnd("a", heard)], made, calls=None, carriers=carriers)
    async with world.running():
        sent = await world.send()
        await world.over(sent.id)
        await trio.sleep(30)
        assert [("M0", "key", "3")] == await shown(world, sent.id)
        assert 1 == len(world.handed), "answered in the call, and by nothing else"


# --- what comes by a carrier's own connection ------------------------------------------------------------------------


class Line:
    """A carrier by which handsets write, and which notes what it may acknowledge."""

    def __init__(self, emit: Emit) -> None:
        self.name = CarrierName("line")
        self._emit = emit
        self.acknowledged: list[tuple[str, bool]] = []

    async def run(self) -> None:
        await self._emit([Link(True, 10, "up")])
        await trio.sleep_forever()

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        await self._emit([Answer(one.attempt, Accepted()) for one in envelopes])

    async def say(self, *said: tuple[int, str]) -> None:
        await self._emit([Reply(address(member), words) for member, words in said])

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        """There are none."""

    def acknowledge_replies(self, replies: Sequence[Reply], *, stored: bool) -> None:
        self.acknowledged += [(one.text, stored) for one in replies]

    async def drain(self, seconds: float) -> None:
        """Nothing is under way."""


class Lined(Plugged, frozen=True, kw_only=True, tag_field="kind", tag="line"):
    """Its settings; `lines` holds the carrier of each life."""

    lines: list[Line]

    def build(self, emit: Emit, clock: Clock) -> Carrier:
        self.lines.append(Line(emit))
        return self.lines[-1]


def lined(tmp_path: Path, clock: MockClock) -> tuple[World, list[Line]]:
    lines: list[Line] = []
    more = (Lined(name=CarrierName("line"), channels=("sms",), lines=lines),)
    return World(tmp_path, clock, [], country(), calls=None, more=more, tokens=(*TOKENS, *PEOPLE)), lines


async def test_a_carrier_hears_that_a_reply_is_kept_when_it_is(tmp_path: Path, autojump_clock: MockClock) -> None:
    """While the disk refuses it is asked to repeat it; what nobody is owed is acknowledged too."""
    world, lines = lined(tmp_path, autojump_clock)
    async with world.running():
        sent = await world.send(expires_in_s=60)
        await world.until(lambda: not world.desk.alerts)
        (line,) = lines
        world.disk_full = True
        await line.say((0, "een"))
        await world.until(lambda: line.acknowledged == [("een", False)])
        world.disk_full = False
        await line.say((0, "een"), (1, "twee"), (99, "wie?"))
        await world.until(lambda: len(line.acknowledged) == 4)
        assert [("een", True), ("twee", True), ("wie?", True)] == line.acknowledged[1:]
        assert [("M0", "text", "een"), ("M1", "text", "twee")] == await shown(world, sent.id)


async def test_what_is_beyond_the_queue_goes_back_to_its_carrier(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood waits where it came from, not here."""
    monkeypatch.setattr(hearing, "WAITING_MAX", 5)
    world, lines = lined(tmp_path, autojump_clock)
    async with world.running():
        sent = await world.send(expires_in_s=60)
        await world.until(lambda: not world.desk.alerts)
        await lines[0].say(*((member % 4, f"{member}") for member in range(8)))
        await world.until(lambda: len(lines[0].acknowledged) == 8)
        assert 3 == sum(not stored for _, stored in lines[0].acknowledged)
        assert 5 == len(await shown(world, sent.id))


def test_a_member_is_found_among_octets_where_numbers_begin() -> None:
    """Not where the end of one and the beginning of the next look like it."""
    members = array("I", [1 << 24, 7, 1, 70_000])
    octets = members.tobytes()
    assert [0, 1, 2, 3] == [hearing.place_of(octets, member) for member in members]
    assert [None, None] == [hearing.place_of(octets, member) for member in (0, 1 << 16)]
    assert None is hearing.place_of(b"", 1)
