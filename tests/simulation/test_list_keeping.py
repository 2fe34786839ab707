"""Members' lists kept up while dispatch runs (R4, R6, R7, R23): in force at once, also for what is under way."""

from typing import Any

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.world import TOKENS, World, address, network, register, token

from klaroen.core.audit import decode
from klaroen.core.calls import ExportAudit, ImportRegister
from klaroen.core.errors import InputError
from klaroen.core.model import Coordinator
from klaroen.core.upkeep import (
    CheckMembers,
    FindingPage,
    ListMembers,
    MemberPage,
    MemberRequest,
    MemberView,
    PutMember,
    RemoveMember,
)
from klaroen.core.views import rfc3339
from klaroen.dispatch import trail
from klaroen.register.export import export_register
from klaroen.testing.far_end import FarEnd

COORDINATOR = replace(token("K1", "coordinator"), networks=("BIN-0001",))
KEEPERS = (*TOKENS, COORDINATOR, token("Z2", "police", "Z2"), token("cic", "dispatch_centre", "*"))
SLOW: dict[str, Any] = {"carriers": {"alpha": {"rate_per_s": 50.0}}, "members": 200, "tokens": KEEPERS}
TWO = [network(1), network(2, zone="Z2")]
AN = MemberRequest("An Peeters", adult=True, house_rules=True, mobile="0470 12 34 56", email="An@example.be")


async def put(world: World, member: str, request: MemberRequest, by: str = "police", **place: str) -> MemberView:
    with world.standing_still():
        return await world.ask(PutMember(place.get("network", "BIN-0001"), member, request), MemberView, by)


async def remove(world: World, member: str, network: str = "BIN-0001", by: str = "police") -> MemberView:
    with world.standing_still():
        return await world.ask(RemoveMember(network, member), MemberView, by)


async def listed(world: World, by: str = "police", **page: Any) -> MemberPage:
    with world.standing_still():
        return await world.ask(ListMembers(page.pop("network", "BIN-0001"), **page), MemberPage, by)


def told(world: World) -> list[tuple[str, str, str | None]]:
    rows = trail.export(world.desk.store, ExportAudit()).rows
    deeds = [deed for row in rows if (deed := decode(row.entry.encode())) is not None]
    return [(deed.what, deed.by, deed.member) for deed in deeds]


async def test_R07_the_list_keeper_and_the_police_of_the_zone_alone_see_members(autojump_clock, world_of) -> None:
    """A crisis authority, a dispatch centre and an operator never; each look stands in the audit trail."""
    async with world_of(networks=TWO, members=3, tokens=KEEPERS).running() as world:
        page = await listed(world, limit=2)
        assert (["M0", "M1"], "M1") == ([one.member for one in page.items], page.next)
        rest = await listed(world, "K1", after="M1")
        assert (["M2"], None, "active") == ([one.member for one in rest.items], rest.next, rest.items[0].status)
        assert [("looked", "police", None), ("looked", "K1", None)] == told(world)
        for nobody in ("crisis", "operator", "cic"):
            with pytest.raises(InputError) as caught:
                await listed(world, nobody)
            assert ("not-allowed", "R7") == (caught.value.problem.name, caught.value.problem.rule)
        for stranger, place in (("Z2", "BIN-0001"), ("K1", "BIN-0002"), ("police", "BIN-0009")):
            with pytest.raises(InputError, match="no such network"):
                await listed(world, stranger, network=place)
        assert 2 == len(told(world))


async def test_R04_a_status_is_known_with_its_day(autojump_clock, world_of) -> None:
    """A membership's status begins when it is given, not when the person's telephone changes."""
    async with world_of(members=3, tokens=KEEPERS).running() as world:

        def now() -> str | None:
            return rfc3339(world.clock.now())

        (first,) = world.desk.book.rows.versions()
        imported = rfc3339(first.at)
        await trio.sleep(10)
        await put(world, "A1", AN)
        enrolled = now()
        await trio.sleep(10)
        await put(world, "A1", replace(AN, mobile="0470 99 99 98"))
        page = {one.member: one.since for one in (await listed(world)).items}
        assert (enrolled, imported) == (page["A1"], page["M0"])
        await trio.sleep(10)
        await remove(world, "A1")
        removed = now()
        (one,) = [one for one in (await listed(world)).items if one.member == "A1"]
        assert ("removed", removed) == (one.status, one.since)


async def test_R07_where_an_officer_keeps_the_list_no_coordinator_sees_it(autojump_clock, world_of) -> None:
    async with world_of(networks=[network(1, list_keeper="officer")], tokens=KEEPERS).running() as world:
        with pytest.raises(InputError, match="by the police alone") as caught:
            await listed(world, "K1")
        assert "R7" == caught.value.problem.rule


async def test_R23_a_relieved_coordinator_loses_list_and_token_at_once(autojump_clock, world_of, tmp_path) -> None:
    relieved = (Coordinator("K1", "C", status="relieved"), Coordinator("K2", "D", status="temporary"))
    async with world_of(members=3, tokens=KEEPERS).running() as world:
        await listed(world, "K1")
        files = [tmp_path / name for name in ("zones.jsonl", "networks.jsonl", "members.csv")]
        after = register([network(1, coordinators=relieved)], 3)
        for file, content in zip(files, export_register(after), strict=True):
            file.write_bytes(content)
        with world.standing_still():
            await world.ask(ImportRegister(*map(str, files)), object, None)
        with pytest.raises(InputError, match="token was revoked"):
            await listed(world, "K1")
        assert ("token_revoked", "command line", None) in told(world)
        assert "K1" not in {one.name for one in world.desk.store.tokens()}


async def test_R23_who_is_not_in_office_keeps_no_list(autojump_clock, world_of) -> None:
    """Whatever token there is: one of a temporary coordinator is taken."""
    people = (Coordinator("K1", "C", status="removed"), Coordinator("K2", "D", status="temporary"))
    other = replace(COORDINATOR, name="token of K2", coordinator="K2")
    world = world_of(networks=[network(1, coordinators=people)], members=3, tokens=(*KEEPERS, other))
    async with world.running():
        with pytest.raises(InputError, match="coordinators in office"):
            await listed(world, "K1")
        assert 3 == len((await listed(world, "token of K2")).items)


async def test_R04_who_is_put_on_the_list_is_warned_from_then_on(autojump_clock, world_of) -> None:
    """Also after a restart; numbers come in any form, and the number of a member is for life."""
    world = world_of(FarEnd("alpha"), members=3, tokens=KEEPERS)
    async with world.running():
        view = await put(world, "A1", AN, "K1")
        assert ("+32470123456", "An@example.be", "active") == (view.mobile, view.email, view.status)
        assert 4 == (await world.send()).members
        await put(world, "A1", replace(AN, mobile="0470 99 99 99"))
        assert [("member_put", "K1", "A1"), ("member_put", "police", "A1")] == [one for one in told(world) if one[2]]
    async with world.running():
        alert = await world.send()
        assert (4, 3) == (alert.members, world.desk.register.numbers_of["A1"])
        await world.over(alert.id)
        assert "+32470999999" in {copy.address for copy in world.ends["alpha"].copies}


@pytest.mark.parametrize(
    ("change", "at", "rule"),
    [
        ({"mobile": "053 21 00 00"}, "$.mobile", None),
        ({"mobile": "112"}, "$.mobile", None),
        ({"email": "an@example.be\r\nBcc: x@example.be"}, "$.email", None),
        ({"adult": False}, "$.adult", "R4"),
        ({"preference": ("sms", "sms")}, "$.preference", "R14"),
    ],
)
async def test_what_breaks_a_rule_is_refused_by_field(autojump_clock, world_of, change, at, rule) -> None:
    """And what stood there is not repeated."""
    async with world_of(members=3, tokens=KEEPERS).running() as world:
        with pytest.raises(InputError) as caught:
            await put(world, "A1", replace(AN, **change))
        problem = caught.value.problem
        assert (at, rule) == (problem.at, problem.rule or None)
        assert not any(str(value) in problem.detail for value in change.values() if isinstance(value, str))
        assert [] == told(world)


async def test_R04_who_leaves_is_handed_nothing_more_of_what_is_under_way(autojump_clock, world_of) -> None:
    """The books balance at every instant; a restart comes to the same, and a second removal changes nothing."""
    world = world_of(FarEnd("alpha"), **SLOW)
    async with world.running():
        alert = await world.send()
        await trio.sleep(0.5)
        gone = await remove(world, "M199")
        assert ("removed", 1) == (gone.status, gone.deliveries_stopped)
        assert 0 == (await remove(world, "M199")).deliveries_stopped
    async with world.running():
        status = await world.over(alert.id)
        assert (200, 199, 1) == (status.members, status.reached, status.cancelled)
        assert {address(number) for number in range(199)} == {copy.address for copy in world.ends["alpha"].copies}
        assert 199 == (await world.send()).members


async def test_R04_who_leaves_one_network_is_warned_through_the_other(autojump_clock, world_of) -> None:
    """A membership is suspended or ended by itself; once both are, nothing is handed over."""
    world = world_of(FarEnd("alpha"), networks=TWO, **{**SLOW, "members": 100})
    async with world.running():
        await put(world, "M199", replace(AN, mobile="0470 99 99 98"), network="BIN-0001")
        alert = await world.send()
        assert 200 == alert.members
        suspended = replace(AN, mobile="0470 99 99 98", status="suspended")
        assert 0 == (await put(world, "M199", suspended, network="BIN-0002")).deliveries_stopped
        assert 1 == (await remove(world, "M199", "BIN-0001")).deliveries_stopped
        assert 1 == (await world.over(alert.id)).cancelled


async def test_R07_a_stranger_s_data_are_neither_seen_nor_changed_by_guessing_an_id(autojump_clock, world_of) -> None:
    """Who keeps one network adds a person of another only by knowing the person's data already."""
    async with world_of(networks=TWO, members=3, tokens=KEEPERS).running() as world:
        own = (await listed(world, network="BIN-0002")).items[0]
        with pytest.raises(InputError, match="the police of its zone change them"):
            await put(world, own.member, AN, "K1")
        assert own.mobile is not None
        known = MemberRequest(own.name, adult=True, mobile=own.mobile)
        assert "BIN-0001" == (await put(world, own.member, known, "K1")).network
        assert 4 == len((await listed(world, "K1")).items)
        with pytest.raises(InputError, match="the police of its zone change them"):
            await put(world, own.member, replace(known, mobile="0470 99 99 98"), "K1")


async def test_R06_whom_the_plan_cannot_reach_is_told_by_network(autojump_clock, world_of) -> None:
    async with world_of(members=2, tokens=KEEPERS).running() as world:
        await put(world, "A1", MemberRequest("An", adult=True, house_rules=True))
        with world.standing_still():
            page = await world.ask(CheckMembers("BIN-0001"), FindingPage, "K1")
        (found,) = [one for one in page.items if one.rule == "R6"]
        assert ("A1", True) == (found.member, found.words.startswith("urgent messages: no address"))


async def test_a_change_that_the_disk_refuses_is_not_made(autojump_clock, world_of) -> None:
    async with world_of(members=3, tokens=KEEPERS).running() as world:
        world.disk_full = True
        with pytest.raises(InputError) as caught:
            await put(world, "A1", AN)
        assert "unavailable" == caught.value.problem.name
        world.disk_full = False
        assert 3 == len((await listed(world)).items)
