"""Two levels (R11): coordinators first, members directly if that comes to nothing; and officers' copies (R9)."""

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.audit import audit
from tests.simulation.test_consent import COLD, TOKENS, grant
from tests.simulation.world import DAY, TEXT_ONLY, gist, members_counted, network, register

from klaroen.core import calls
from klaroen.core.model import AlertId, Coordinator, Levels, MemberId, Officer, Window
from klaroen.core.views import AlertPage, DeliveryWhyView
from klaroen.testing.deeds import HEARD, PROVED, Deed, Proof, call
from klaroen.testing.far_end import FarEnd

TWO = Levels(urgent=2, non_urgent=2)
CALL_S, EMAIL_S = 15.0, 20.0
COORDINATOR, OFFICER = "+32499000001", "+32499000002"
MEMBERS = 20
CONFIRMS = call(4.0, Proof(3.0, "confirmed", "attempt"), Proof(5.9, by="attempt"))
MAIL = (Window("00:00", "24:00", ("email",)),)


def country(plan=DAY, levels: Levels = TWO, **changes):
    """Two networks, the first of them with these levels."""
    people = {
        "coordinators": (Coordinator("K1", "C", phone="0499 00 00 01", email="k1@example.be"),),
        "officers": (Officer("O1", "O", phone=OFFICER, email="o1@example.be"),),
        **changes,
    }
    return register([network(1, plan, levels=levels, **people), network(2, plan)], MEMBERS)


def telephones(coordinator: Deed = CONFIRMS) -> FarEnd:
    """Everybody gets SMS and calls; what befalls the coordinator's call is told."""

    def script(envelope, _seen) -> Deed:
        if envelope.content.channel == "sms":
            return PROVED
        return coordinator if envelope.address == COORDINATOR else HEARD

    return FarEnd("alpha", script)


def served(**changes):
    channels = {"alpha": {"channels": ("sms", "tts", "voice", "email")}}
    return {"calls": None, "carriers": channels, "country": country(), **changes}


def left_at(world, end: FarEnd) -> dict[str, float]:
    """Address -> when the first message left for it."""
    found: dict[str, float] = {}
    for one in end.handed:
        found.setdefault(one.envelope.address, one.at)
    return found


def members_of(world, number: int) -> list[str]:
    """The telephones of a network's members."""
    return [one.mobile for one in world.country.members[(number - 1) * MEMBERS : number * MEMBERS]]


async def test_R11_a_confirmation_by_the_coordinator_lets_members_be(autojump_clock, world_of) -> None:
    """The coordinator is called at once; once key 1 is pressed nobody of that network is disturbed. The other is."""
    alpha = telephones()
    async with world_of(alpha, **served()).running() as world:
        sent = await world.send()
        assert 2 * MEMBERS + 1 == sent.members
        started = trio.current_time()
        await trio.sleep(1)
        told = left_at(world, alpha)
        assert told[COORDINATOR] <= started + 0.5
        assert set(members_of(world, 2)) <= told.keys()
        status = await world.over(sent.id)
        assert not set(members_of(world, 1)) & left_at(world, alpha).keys()
        assert (MEMBERS + 1, MEMBERS, 1) == (status.reached, status.cancelled, status.confirmed)
        assert members_counted(status) == status.members
        assert gist(world.rebuilt(sent.id)) == gist(world.closed(sent.id))


async def test_R11_without_a_confirmation_members_are_reached_directly(autojump_clock, world_of) -> None:
    """Heard, and no key: after the call's time every member is warned."""
    alpha = telephones(HEARD)
    async with world_of(alpha, **served()).running() as world:
        sent = await world.send()
        started = trio.current_time()
        status = await world.over(sent.id)
        assert 2 * MEMBERS + 1 == status.reached
        told = left_at(world, alpha)
        assert all(started + CALL_S <= told[one] <= started + CALL_S + 1 for one in members_of(world, 1))
        assert gist(world.rebuilt(sent.id)) == gist(world.closed(sent.id))


async def test_R11_a_restart_neither_forgets_the_confirmation_nor_the_wait(autojump_clock, world_of) -> None:
    alpha = telephones()
    world = world_of(alpha, **served())
    async with world.running():
        sent = await world.send()
        await trio.sleep(4)
    async with world.running():
        status = await world.over(sent.id)
        assert not set(members_of(world, 1)) & left_at(world, alpha).keys()
        assert MEMBERS == status.cancelled


@pytest.mark.parametrize(
    "made",
    [
        country(TEXT_ONLY),
        country(coordinators=(Coordinator("K1", "C", email="k1@example.be"),)),
        country(coordinators=(Coordinator("K1", "C", phone=COORDINATOR, status="relieved"),)),
        country(coordinators=(Coordinator("K1", "C", phone="101"),)),
    ],
    ids=["no calls", "no telephone", "relieved", "no number"],
)
async def test_R11_a_confirmation_is_waited_for_only_where_it_can_come(autojump_clock, world_of, made) -> None:
    """A plan without calls, a coordinator without a telephone, one who was relieved: members are warned at once."""
    alpha = telephones()
    async with world_of(alpha, **served(country=made)).running() as world:
        sent = await world.send()
        await trio.sleep(2)
        assert set(members_of(world, 1)) <= left_at(world, alpha).keys()
        assert 2 * MEMBERS == (await world.over(sent.id)).members


async def test_R11_a_crisis_message_has_one_level_always(autojump_clock, world_of) -> None:
    alpha = telephones()
    async with world_of(alpha, **served()).running() as world:
        sent = await world.send("crisis", **{"class": "crisis"})
        assert 2 * MEMBERS == sent.members
        assert 2 * MEMBERS == (await world.over(sent.id)).reached


async def test_R05_a_coordinator_who_is_a_member_gets_one_message(autojump_clock, world_of) -> None:
    """Called as the coordinator, by the member's own number where the charter names none."""
    member = (Coordinator("K1", "C", member=MemberId("M3")),)
    alpha = telephones()
    async with world_of(alpha, **served(country=country(coordinators=member))).running() as world:
        sent = await world.send()
        assert 2 * MEMBERS == sent.members
        await world.over(sent.id)
        own = [one for one in alpha.handed if one.envelope.address == members_of(world, 1)[3]]
        assert ["tts"] == [one.envelope.content.channel for one in own] or ["voice"] == [
            one.envelope.content.channel for one in own
        ]


@pytest.mark.parametrize(("fails", "expected"), [(False, (MEMBERS + 1, MEMBERS)), (True, (2 * MEMBERS, 0))])
async def test_R11_what_is_not_urgent_goes_through_the_coordinator(autojump_clock, world_of, fails, expected) -> None:
    """Handed over to the coordinator: members of that network are not written to; if it is not, they are."""
    made = country(MAIL)
    made = replace(made, members=tuple(replace(one, email=f"{one.id}@example.be") for one in made.members))

    def script(envelope, _seen) -> Deed:
        return Deed(copies=0, proofs=(Proof(1.0, "failed"),)) if fails and "k1" in envelope.address else PROVED

    async with world_of(FarEnd("alpha", script), **served(country=made)).running() as world:
        status = await world.over((await world.send(**{"class": "cold"})).id)
        assert expected == (status.reached, status.cancelled)


async def test_R11_why_and_deliveries_name_the_coordinator(autojump_clock, world_of) -> None:
    """By office, id and network; never by a number."""
    alpha = telephones()
    async with world_of(alpha, **served()).running() as world:
        sent = await world.send()
        await world.over(sent.id)
        with world.standing_still():
            view = await world.ask(calls.ShowDelivery(AlertId(sent.id), "coordinator:K1@BIN-0001"), DeliveryWhyView)
        assert ("reached", ("BIN-0001",)) == (view.state, view.networks)


# --- copies ---------------------------------------------------------------------------------------------------------


async def test_R09_officers_get_a_copy_at_once(autojump_clock, world_of) -> None:
    """An alert of its own with `origin: copy`: the very words, to those whom the network names as its officers."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **served(tokens=TOKENS, country=country(levels=Levels()))).running() as world:
        await grant(world, "cold", "warm")
        sent = await world.send("K1", targets={"networks": ["BIN-0001"]})
        listed = await world.ask(calls.ListAlerts(), AlertPage, "zone 1")
        copy = next(one for one in listed.items if one.origin == "copy")
        assert (1, "own", "warm") == (copy.members, copy.authority, copy.alert_class)
        assert ("done", 1) == ((status := await world.over(copy.id)).state, status.reached)
        assert MEMBERS == (await world.over(sent.id)).reached
        (own,) = [one for one in alpha.copies if one.address == OFFICER]
        assert {own.text} == {one.text for one in alpha.copies}
        audit(world, sent.id, copy.id)


async def test_R09_a_copy_survives_a_restart(autojump_clock, world_of) -> None:
    """It is accepted in the same commit as what it is a copy of."""
    alpha = FarEnd("alpha")
    alpha.up = False
    world = world_of(alpha, **served(tokens=TOKENS, country=country(levels=Levels())))
    async with world.running():
        await grant(world)
        await world.send("K1", **COLD)
    alpha.up = True
    async with world.running():
        await world.until(lambda: bool({OFFICER, "o1@example.be"} & {one.address for one in alpha.copies}))


async def test_R09_who_cannot_tell_an_officer_says_so(autojump_clock, world_of) -> None:
    """Without any address of an officer the message goes out all the same, and its answer warns."""
    made = country(levels=Levels(), officers=(Officer("O1", "O"),))
    async with world_of(FarEnd("alpha"), **served(tokens=TOKENS, country=made)).running() as world:
        await grant(world)
        sent = await world.send("K1", **COLD)
        assert any("No officer" in words for words in sent.warnings)
        assert MEMBERS == (await world.over(sent.id)).reached
