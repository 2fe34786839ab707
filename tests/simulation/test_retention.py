"""What has had its time is really forgotten (R22), while dispatch runs, in virtual time."""

import sqlite3
from typing import Any

import pytest
from msgspec.structs import replace
from tests.simulation.test_list_keeping import AN, KEEPERS, listed, put, remove
from tests.simulation.world import TEXT, World, address

from klaroen.core.calls import ImportedView, VerifyAudit
from klaroen.core.errors import InputError
from klaroen.core.model import AlertId
from klaroen.core.upkeep import ExportMember, PersonView, RestoreVersion
from klaroen.dispatch import trail
from klaroen.dispatch.auditor import Auditor
from klaroen.dispatch.retention import forget
from klaroen.setting_alerts import Retention
from klaroen.testing.far_end import FarEnd

DAY_S = 86_400.0
TEXT_ONCE = f"{TEXT} Een keer."


def kept_for(world: World, **days: int) -> World:
    world.settings = replace(world.settings, retention=Retention(**days))
    return world


def octets(world: World) -> bytes:
    return b"".join(path.read_bytes() for path in world.directory.iterdir() if path.is_file())


async def days(world: World, count: float) -> None:
    """Let so many pass at once, and the sweep that is due then come to its end."""
    world.mock.jump(count * DAY_S)
    with world.standing_still():
        await forget(world.desk)


async def person(world: World, name: str) -> PersonView:
    with world.standing_still():
        return await world.ask(ExportMember(name), PersonView, None)


async def test_R22_texts_go_after_their_time_and_their_hashes_stay(autojump_clock, world_of) -> None:
    """The audit trail still holds each alert against what was accepted; younger texts are as they were."""
    world = kept_for(world_of(FarEnd("alpha"), members=3), texts_days=2)
    async with world.running():
        alert = await world.send(content={"nl": {"text": TEXT_ONCE}})
        await world.over(alert.id)
        await days(world, 1.9)
        assert TEXT_ONCE.encode() in octets(world)
        younger = await world.send()
        await world.over(younger.id)
        await days(world, 0.2)
        old = world.desk.store.alert(AlertId(alert.id))
        new = world.desk.store.alert(AlertId(younger.id))
        assert old is not None
        assert new is not None
        assert ({}, TEXT) == (old.alert.content, new.alert.content["nl"].text)
        assert TEXT_ONCE.encode() not in octets(world)
        assert alert.content_sha256 == (await world.status(alert.id)).content_sha256
        assert () == trail.verify(world.desk.store, VerifyAudit()).faults
    async with world.running():
        assert 3 == (await world.status(alert.id)).reached


async def test_R22_addresses_go_after_their_time(autojump_clock, world_of) -> None:
    """What was superseded, and persons who left; whoever is a member stays, with today's data."""
    world = kept_for(world_of(FarEnd("alpha"), members=3), addresses_days=3)
    async with world.running():
        await put(world, "M0", replace(AN, mobile="0470 99 99 98"))
        await remove(world, "M1")
        await days(world, 2.9)
        assert address(0) == (await person(world, "M0")).versions[0].mobile
        assert address(1) == (await person(world, "M1")).versions[-1].mobile
        await days(world, 0.3)
        first, *_, last = (await person(world, "M0")).versions
        assert (None, "+32470999998") == (first.mobile, last.mobile)
        assert {None} == {one.mobile for one in (await person(world, "M1")).versions}
        assert ["removed"] == [one.status for one in (await person(world, "M1")).versions[1].memberships]
        book = world.desk.book
        assert ([], ["M0"], ["M2"]) == tuple(map(book.find, (address(0), "+32470999998", address(2))))
        assert address(1) not in world.desk.imported.addresses[0]
        versions = [one.what for one in book.rows.versions()]
        assert ["import", "list", "list", "retention"] == versions, "once, and not every hour"
        with world.standing_still():
            view: Any = await world.ask(RestoreVersion(1), ImportedView, None)
        assert 2 == view.members, "the one who left was forgotten"
        alert = await world.send()
        assert 2 == alert.members
        await world.over(alert.id)
        assert {"+32470999998", address(2)} == {copy.address for copy in world.ends["alpha"].copies}


async def test_nothing_is_forgotten_where_nothing_is_old(autojump_clock, world_of) -> None:
    world = kept_for(world_of(members=3), addresses_days=3)
    async with world.running():
        await days(world, 10)
        assert [1] == [one.number for one in world.desk.book.rows.versions()]
    database = sqlite3.connect(world.directory / "klaroen.db")
    assert [(0,)] == database.execute("SELECT COUNT(*) FROM meta WHERE name = 'texts_forgotten'").fetchall()
    database.close()


async def test_a_row_that_was_tampered_with_stops_nobody_from_being_warned(autojump_clock, world_of) -> None:
    """Whoever looks is told that it cannot be opened; it is never taken for another, and never forgotten unread."""
    world = kept_for(world_of(FarEnd("alpha"), members=3, tokens=KEEPERS), addresses_days=3)
    async with world.running():
        await put(world, "M0", replace(AN, mobile="0470 99 99 98"))
    database = sqlite3.connect(world.directory / "klaroen.db")
    swapped = "SELECT sealed FROM register_row WHERE name = 'M1' AND since = 1"
    database.execute(f"UPDATE register_row SET sealed = ({swapped}) WHERE name = 'M0' AND since = 1")
    database.commit()
    database.close()
    async with world.running():
        await days(world, 4)
        assert "+32470999998" == (await listed(world)).items[0].mobile, "today's row is whole"
        with pytest.raises(InputError, match="cannot be opened") as caught:
            await person(world, "M0")
        assert "internal-error" == caught.value.problem.name
        alert = await world.send()
        assert 3 == (await world.over(alert.id)).reached


async def test_R22_the_trail_is_shortened_after_its_years_and_holds(autojump_clock, world_of) -> None:
    """What is older goes, what follows is chained to the hash that stays, and an entry tells it; once a day."""
    world = kept_for(world_of(FarEnd("alpha"), members=3), audit_years=1)
    async with world.running():
        first = await world.send()
        await world.over(first.id)
        await days(world, 366)
        second = await world.send()
        await world.over(second.id)
        before = trail.verify(world.desk.store, VerifyAudit())
        assert (0, 4, ()) == (before.begins_after, before.entries, before.faults)
        await days(world, 1)
        view = trail.verify(world.desk.store, VerifyAudit(before.head))
        assert (2, 1, 3, ()) == (view.begins_after, view.alerts, view.entries, view.faults)
        await days(world, 0.5)
        assert view == trail.verify(world.desk.store, VerifyAudit())
        findings = dict(world.desk.findings)
        Auditor(world.desk).round()
        assert findings == world.desk.findings
    async with world.running():
        await world.send()
        assert (2, ()) == ((view := trail.verify(world.desk.store, VerifyAudit())).begins_after, view.faults)
    with sqlite3.connect(world.directory / "klaroen.db") as connection:
        connection.execute("DELETE FROM audit WHERE number < 4")
        connection.execute("UPDATE audit SET entry = x'' WHERE number = 4")
    connection.close()
    async with world.running():
        told = trail.verify(world.desk.store, VerifyAudit()).faults
        assert ("the trail begins behind entry 4, and no entry tells that it was shortened",) == told
