"""What a coordinator sends: under a grant at once (R9), else when an officer consents (R24); and four eyes."""

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.audit import audit
from tests.simulation.world import members_counted, network, register, token

from klaroen.core import calls, mandates
from klaroen.core.errors import InputError, Problem
from klaroen.core.mandates import GrantPage, GrantRequest, GrantView
from klaroen.core.model import AlertId, Coordinator, Window
from klaroen.core.views import AlertPage, ContentView
from klaroen.dispatch.barring import enforce
from klaroen.dispatch.mandates import Mandates
from klaroen.testing.far_end import FarEnd

LATEST_S = 0.2
NETWORKS = [network(1, coordinators=(Coordinator("K1", "C"), Coordinator("K2", "D"))), network(2, zone="Z2")]
TOKENS = (
    token("police", "police", "*"),
    token("zone 1", "police", "Z1"),
    token("zone 2", "police", "Z2"),
    token("operator", "operator"),
    token("crisis", "crisis_authority", "*"),
    token("crisis 2", "crisis_authority", "*"),
    replace(token("K1", "coordinator"), networks=("BIN-0001",)),
    replace(token("second", "coordinator"), networks=("BIN-0001",), coordinator="K2"),
)
OWN = {"targets": {"networks": ["BIN-0001"]}}
COLD = {"class": "cold", **OWN}


def slow(members: int = 200, rate: float = 50.0):
    return {
        "country": register(NETWORKS, members),
        "tokens": TOKENS,
        "carriers": {"alpha": {"rate_per_s": rate}},
    }


async def refused(asked) -> Problem:
    with pytest.raises(InputError) as caught:
        await asked
    return caught.value.problem


async def grant(world, *classes: str, until: str = "2030-01-01", by: str = "zone 1") -> GrantView:
    request = GrantRequest(until, classes or ("cold",))  # type: ignore[arg-type]
    return await world.ask(mandates.PutGrant("BIN-0001", "K1", request), GrantView, by)


async def withdraw(world, coordinator: str = "K1") -> GrantView:
    return await world.ask(mandates.WithdrawGrant("BIN-0001", coordinator), GrantView, "zone 1")


# --- grants ---------------------------------------------------------------------------------------------------------


async def test_R09_under_a_grant_a_coordinator_sends_at_once(autojump_clock, world_of) -> None:
    """Cold at once; warm only where the grant names it; another coordinator has none of it."""
    async with world_of(FarEnd("alpha"), **slow(5)).running() as world:
        assert "awaiting_consent" == (await world.send("K1", **COLD)).state
        assert (await grant(world)).holds
        sent = await world.send("K1", **COLD)
        assert ("accepted", 5) == (sent.state, sent.members)
        assert ("done", "grant") == ((status := await world.over(sent.id)).state, status.authority)
        problem = await refused(world.send("K1", **OWN))
        assert ("not-allowed", "R9", "$.class") == (problem.name, problem.rule, problem.at)
        assert "awaiting_consent" == (await world.send("second", **COLD)).state
        await grant(world, "cold", "warm")
        assert "accepted" == (await world.send("K1", **OWN)).state


async def test_R09_a_coordinator_sends_to_their_own_network_alone(autojump_clock, world_of) -> None:
    async with world_of(FarEnd("alpha"), **slow(5)).running() as world:
        await grant(world)
        sent = await world.send("K1", **{"class": "cold", "targets": {"networks": ["BIN-0001", "BIN-0002"]}})
        assert [("BIN-0002", "R9")] == [(one.network, one.rule) for one in sent.refused]
        problem = await refused(world.send("K1", **{"class": "cold", "targets": {"networks": ["BIN-0002"]}}))
        assert ("nobody", "R9") == (problem.name, problem.rule)
        assert "not-allowed" == (await refused(world.send("K1", **{"class": "crisis", **OWN}))).name


async def test_R09_a_withdrawn_grant_stops_what_is_not_handed_over(autojump_clock, world_of) -> None:
    """200 ms after the answer nothing leaves, and every member is counted."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **slow()).running() as world:
        await grant(world)
        sent = await world.send("K1", **COLD)
        await trio.sleep(2)
        told = await withdraw(world)
        answered, left = trio.current_time(), len(alpha.handed)
        assert not told.holds
        assert 200 - left <= told.stopped <= 200 - left + 10
        status = await world.over(sent.id)
        assert alpha.handed[-1].at <= answered + LATEST_S
        assert ("cancelled", 200) == (status.state, status.reached + status.cancelled)
        audit(world, sent.id)
        assert "awaiting_consent" == (await world.send("K1", **COLD)).state
        assert "not-found" == (await refused(withdraw(world))).name


async def test_R09_a_grant_ends_by_itself(autojump_clock, world_of) -> None:
    """At its instant what it carries stops, over a restart too."""
    alpha = FarEnd("alpha")
    world = world_of(alpha, **slow())
    async with world.running():
        granted = await grant(world, until="2026-11-21T23:15:34Z")
        sent = await world.send("K1", **COLD)
        ends_at = world.at_s(world.desk.mandates.grant("BIN-0001", "K1").ends_at)
        await trio.sleep(1)
        assert granted.holds
    async with world.running():
        status = await world.over(sent.id)
        assert alpha.handed[-1].at <= ends_at + LATEST_S
        assert ("cancelled", 200) == (status.state, status.reached + status.cancelled)
        assert 50 < status.reached < 250
        listed = await world.ask(mandates.ListGrants("BIN-0001"), GrantPage)
        assert [False] == [one.holds for one in listed.items]


async def test_R23_who_is_relieved_loses_the_grant_and_what_waits(autojump_clock, world_of) -> None:
    """From the import on: what is under way stops, what waits for consent is cancelled, nothing new is taken."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **slow()).running() as world:
        waiting = await world.send("K1", **COLD)
        await grant(world)
        sent = await world.send("K1", **COLD)
        await trio.sleep(1)
        snapshot = world.desk.imported
        relieved = replace(NETWORKS[0], coordinators=(Coordinator("K1", "C", status="relieved"),))
        world.desk.take_register(replace(snapshot, version=2, networks={**snapshot.networks, "BIN-0001": relieved}))
        enforce(world.desk)
        imported = trio.current_time()
        assert "cancelled" == (await world.over(sent.id)).state
        assert "cancelled" == (await world.over(waiting.id)).state
        assert alpha.handed[-1].at <= imported + LATEST_S
        problem = await refused(world.send("K1", **COLD))
        assert ("nobody", "R23") == (problem.name, problem.rule)
        assert "R23" == (await refused(grant(world))).rule


async def test_R09_only_the_police_of_the_zone_grant(autojump_clock, world_of) -> None:
    async with world_of(FarEnd("alpha"), **slow(5)).running() as world:
        assert "not-found" == (await refused(grant(world, by="zone 2"))).name
        assert ("not-allowed", "R9") == ((problem := await refused(grant(world, by="K1"))).name, problem.rule)


async def test_R09_what_two_officers_decide_at_once_holds_in_the_order_of_the_disk(autojump_clock, world_of) -> None:
    """Else a grant that stands withdrawn on the disk would hold until the next start."""
    async with world_of(FarEnd("alpha"), **slow(5)).running() as world:
        for _ in range(20):
            async with trio.open_nursery() as nursery:
                for until in ("2030-01-01", "2031-01-01", "2032-01-01"):
                    nursery.start_soon(lambda until=until: grant(world, until=until))
            known, standing = world.desk.mandates, Mandates.load(world.desk.store)
            assert list(standing.every()) == list(known.every())


# --- consent --------------------------------------------------------------------------------------------------------


async def test_R24_without_a_grant_a_message_waits_for_an_officer(autojump_clock, world_of) -> None:
    """Nothing leaves before the officer's word; then exactly what was posted, as the officer could read it."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **slow(20)).running() as world:
        sent = await world.send("K1", **COLD)
        await trio.sleep(600)
        status = await world.status(sent.id)
        assert ("awaiting_consent", 20, 20, 0) == (status.state, status.members, status.pending, len(alpha.handed))
        waiting = await world.ask(calls.ListAlerts(state="awaiting_consent"), AlertPage, "zone 1")
        assert [sent.id] == [one.id for one in waiting.items]
        assert () == (await world.ask(calls.ListAlerts(state="awaiting_consent"), AlertPage, "zone 2")).items
        shown = await world.ask(calls.ShowContent(AlertId(sent.id)), ContentView, "zone 1")
        assert "accepted" == (await world.act(sent.id, "consent", "zone 1")).state
        status = await world.over(sent.id)
        assert ("done", 20, "consent") == (status.state, status.reached, status.authority)
        assert {shown.content["nl"].text} == {one.envelope.content.text for one in alpha.handed}
        audit(world, sent.id)


async def test_R24_a_message_goes_by_the_plan_of_the_hour_of_consent(autojump_clock, world_of) -> None:
    """Accepted at 0:15 and consented to at 0:16: the plan has other channels then (R14)."""
    alpha = FarEnd("alpha")
    windows = (Window("00:16", "24:00", ("tts",)), Window("00:00", "00:16", ("sms",)))
    with_hours = [network(1, windows, coordinators=(Coordinator("K1", "C"),))]
    async with world_of(alpha, country=register(with_hours, 20), tokens=TOKENS).running() as world:
        sent = await world.send("K1", **COLD)
        await trio.sleep(60)
        await world.act(sent.id, "consent", "zone 1")
        await world.over(sent.id)
        assert ({"tts"}, []) == ({one.channel for one in world.attempts(sent.id)}, alpha.handed)


async def test_R24_consent_is_once_and_may_be_repeated(autojump_clock, world_of) -> None:
    async with world_of(FarEnd("alpha"), **slow(200)).running() as world:
        sent = await world.send("K1", **COLD)
        await world.act(sent.id, "consent", "zone 1")
        await trio.sleep(1)
        assert "sending" == (await world.act(sent.id, "consent", "zone 1")).state
        assert "state" == (await refused(world.act(sent.id, "refuse", "zone 1"))).name
        assert 200 == (await world.over(sent.id)).reached


async def test_R24_a_refused_message_is_never_sent(autojump_clock, world_of) -> None:
    alpha = FarEnd("alpha")
    async with world_of(alpha, **slow(20)).running() as world:
        sent = await world.send("K1", **COLD)
        assert ("cancelled", 20) == ((acted := await world.act(sent.id, "refuse", "zone 1")).state, acted.stopped)
        status = await world.over(sent.id)
        assert ("cancelled", 20, 0) == (status.state, status.cancelled, len(alpha.handed))
        assert "cancelled" == (await world.act(sent.id, "refuse", "zone 1")).state
        assert "state" == (await refused(world.act(sent.id, "consent", "zone 1"))).name
        audit(world, sent.id)


async def test_R24_what_nobody_consents_to_expires(autojump_clock, world_of) -> None:
    alpha = FarEnd("alpha")
    async with world_of(alpha, **slow(20)).running() as world:
        sent = await world.send("K1", **COLD, expires_in_s=60)
        await trio.sleep(61)
        status = await world.over(sent.id)
        assert ("expired", 20, 0) == (status.state, status.expired, len(alpha.handed))
        assert "state" == (await refused(world.act(sent.id, "consent", "zone 1"))).name
        audit(world, sent.id)


async def test_R24_a_restart_keeps_who_waits_and_what_was_consented_to(autojump_clock, world_of) -> None:
    alpha = FarEnd("alpha")
    world = world_of(alpha, **slow(20))
    async with world.running():
        first, second = await world.send("K1", **COLD), await world.send("K1", **COLD)
    alpha.up = False  # what is in doubt after a restart is another story
    async with world.running():
        await trio.sleep(60)
        assert [] == alpha.handed
        assert "awaiting_consent" == (await world.status(first.id)).state
        await world.act(first.id, "consent", "zone 1")
    alpha.up = True
    async with world.running():
        assert 20 == (await world.over(first.id)).reached
        assert "awaiting_consent" == (await world.status(second.id)).state


async def test_R24_a_consent_that_is_not_durable_is_none(autojump_clock, world_of) -> None:
    """503: nothing leaves on a word that a restart would not know."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **slow(20)).running() as world:
        sent = await world.send("K1", **COLD)
        world.refuses = lambda method, _: method == "release"
        assert "unavailable" == (await refused(world.act(sent.id, "consent", "zone 1"))).name
        await trio.sleep(5)
        assert ("awaiting_consent", []) == ((await world.status(sent.id)).state, alpha.handed)


async def test_R24_only_an_officer_of_the_zone_decides(autojump_clock, world_of) -> None:
    """Not its sender, not another zone's police, not the operator, not the crisis authority."""
    async with world_of(FarEnd("alpha"), **slow(5)).running() as world:
        sent = await world.send("K1", **COLD)
        for name, problem in {"K1": "not-allowed", "zone 2": "not-found", "operator": "not-allowed"}.items():
            for verb in ("consent", "refuse"):
                assert problem == (await refused(world.act(sent.id, verb, name))).name
        assert "state" == (await refused(world.act(sent.id, "approve", "zone 1"))).name
        assert "cancelled" == (await world.act(sent.id, "cancel", "K1")).state
        other = await world.send("zone 1", **COLD)
        assert "not-allowed" == (await refused(world.act(other.id, "cancel", "K1"))).name
        assert "state" == (await refused(world.act(other.id, "consent", "police"))).name


async def test_R01_a_network_that_is_stopped_while_a_message_waits(autojump_clock, world_of) -> None:
    """Nobody can consent to it any more."""
    async with world_of(FarEnd("alpha"), **slow(5)).running() as world:
        sent = await world.send("K1", **COLD)
        await world.ask(mandates.StopNetwork("BIN-0001", mandates.HaltRequest("x", "y")), object, "zone 1")
        assert "cancelled" == (await world.over(sent.id)).state
        assert "state" == (await refused(world.act(sent.id, "consent", "zone 1"))).name


# --- four eyes ------------------------------------------------------------------------------------------------------


async def test_a_second_token_approves_where_four_eyes_are_configured(autojump_clock, world_of) -> None:
    """Crisis above so many members waits for another who could have sent it; warm does not wait; drills never do."""
    alpha = FarEnd("alpha")
    world = world_of(alpha, **slow(20))
    world.settings = replace(world.settings, four_eyes=replace(world.settings.four_eyes, crisis=20, cold=0))
    crisis = {"class": "crisis", "targets": {"all": True}}
    async with world.running():
        sent = await world.send("crisis", **crisis)
        await trio.sleep(30)
        assert ("awaiting_consent", []) == (sent.state, alpha.handed)
        for name, problem in {"crisis": "not-allowed", "zone 1": "not-allowed", "operator": "not-allowed"}.items():
            assert problem == (await refused(world.act(sent.id, "approve", name))).name
        assert "accepted" == (await world.act(sent.id, "approve", "crisis 2")).state
        assert ("done", 40) == ((status := await world.over(sent.id)).state, status.reached)
        assert "accepted" == (await world.send("crisis", **{"class": "crisis", **OWN})).state
        assert "accepted" == (await world.send("police")).state
        assert "accepted" == (await world.send("crisis", mode="drill", **crisis)).state
        assert "awaiting_consent" == (await world.send("police", **COLD)).state
        await grant(world)
        waiting = await world.send("K1", **COLD)
        assert ("awaiting_consent", "consent") == (waiting.state, (await world.status(waiting.id)).authority)
        assert members_counted(status) == status.members
