"""What a person may ask for, and a key that is changed, while dispatch runs and where the power fails in between."""

from typing import Any

import msgspec
import pytest
import trio
from msgspec.structs import replace
from tests.simulation.world import World, address, network, register

from klaroen.core.audit import decode
from klaroen.core.calls import ExportAudit, ImportedView, ImportRegister
from klaroen.core.errors import InputError
from klaroen.core.model import Coordinator, MemberId
from klaroen.core.upkeep import (
    ChangePage,
    ErasedView,
    EraseMember,
    ExportMember,
    KeyView,
    ListChanges,
    ListVersions,
    PersonView,
    RestoreVersion,
    RotateKey,
    VersionView,
)
from klaroen.dispatch import trail
from klaroen.register.export import export_register
from klaroen.register.keys import read_keys
from klaroen.register.opening import keys_path
from klaroen.testing.disk import PowerCut
from klaroen.testing.far_end import FarEnd

SLOW: dict[str, Any] = {"carriers": {"alpha": {"rate_per_s": 50.0}}, "members": 200}
LAST = "M199"


async def asked(world: World, question: Any, view: Any) -> Any:
    with world.standing_still():
        return await world.ask(question, view, None)


def told(world: World) -> list[tuple[str, str | None]]:
    rows = trail.export(world.desk.store, ExportAudit()).rows
    return [
        (deed.what, deed.member) for row in rows if (deed := decode(row.entry.encode())) is not None and deed.member
    ]


async def test_R22_who_is_erased_is_gone_from_every_version_and_handed_nothing_more(autojump_clock, world_of) -> None:
    """Ids, memberships and counts stay, and the books balance; a restart knows no more than before."""
    world = world_of(FarEnd("alpha"), **SLOW)
    async with world.running():
        alert = await world.send()
        await trio.sleep(0.5)
        erased = await asked(world, EraseMember(LAST), ErasedView)
        assert (1, 0, 1, True) == (erased.rows, erased.networks, erased.deliveries_stopped, erased.log_emptied)
        assert [("erased", LAST)] == told(world)
        held = (world.desk.register.snapshot, world.desk.imported)
        assert not any(address(199) in column for snapshot in held for column in snapshot.addresses)
        assert [] == world.desk.book.find(address(199))
    async with world.running():
        status = await world.over(alert.id)
        assert (200, 1) == (status.members, status.cancelled)
        assert address(199) not in {copy.address for copy in world.ends["alpha"].copies}
        person = await asked(world, ExportMember(LAST), PersonView)
        assert [(1, None, None), (2, None, None)] == [(one.version, one.name, one.mobile) for one in person.versions]
        assert ["BIN-0001"] == [one.network for one in person.versions[0].memberships]
        assert 0 == (await asked(world, EraseMember(LAST), ErasedView)).rows
        with pytest.raises(InputError, match="no such member"):
            await asked(world, EraseMember("M999"), ErasedView)


async def test_a_person_gets_everything_that_is_held(autojump_clock, world_of) -> None:
    """Every version of the person, offices, and what became of each alert; that it was asked for is entered."""
    office = (Coordinator("K1", "Cis", phone="+32470999999", member=MemberId("M1")),)
    world = world_of(FarEnd("alpha"), country=register([network(1, coordinators=office)], 3))
    async with world.running():
        alert = await world.send()
        await world.over(alert.id)
        person = await asked(world, ExportMember("M1"), PersonView)
        assert ("M1", 1, address(1)) == (person.member, person.number, person.versions[0].mobile)
        assert [("BIN-0001", "K1", "+32470999999")] == [
            (one.network, one.coordinator, one.phone) for one in person.offices
        ]
        assert [(alert.id, "warm", "reached")] == [(one.alert, one.alert_class, one.state) for one in person.alerts]
        assert [("exported", "M1")] == told(world)
        assert msgspec.json.decode(msgspec.json.encode(person), type=PersonView) == person


async def imported(world: World, tmp_path: Any, *networks: Any, members: int = 3) -> None:
    files = [tmp_path / name for name in ("zones.jsonl", "networks.jsonl", "members.csv")]
    for file, content in zip(files, export_register(register(networks, members)), strict=True):
        file.write_bytes(content)
    await asked(world, ImportRegister(*map(str, files), allow_removal=100), ImportedView)


async def test_R23_a_coordinator_in_office_is_relieved_before_being_erased(autojump_clock, world_of, tmp_path) -> None:
    """Then the number that the network's earlier versions hold goes with the person."""
    own = Coordinator("K1", "Cis", phone="+32470999999", member=MemberId("M1"))
    world = world_of(country=register([network(1, coordinators=(own,))], 3))
    async with world.running():
        with pytest.raises(InputError, match="another takes over first") as caught:
            await asked(world, EraseMember("M1"), ErasedView)
        assert ("state", "R23") == (caught.value.problem.name, caught.value.problem.rule)
        after = (replace(own, status="relieved"), Coordinator("K2", "D"))
        await imported(world, tmp_path, network(1, coordinators=after))
        assert 1 == (await asked(world, EraseMember("M1"), ErasedView)).networks
        book = world.desk.book
        for version in (1, 2, 3):
            coordinators = [one for made in book.places(version).networks.values() for one in made.coordinators]
            assert "+32470999999" not in {one.phone for one in coordinators}
            assert "Cis" not in {one.name for one in coordinators}
        assert "Cis" not in {one.name for one in world.desk.imported.networks["BIN-0001"].coordinators}  # type: ignore[index]


async def test_R03_changes_are_listed_until_they_are_reported(autojump_clock, world_of, tmp_path) -> None:
    world = world_of(members=3)
    async with world.running():
        await imported(world, tmp_path, network(1, coordinators=(Coordinator("K9", "D"),)))
        (change,) = (await asked(world, ListChanges(), ChangePage)).items
        assert (2, "BIN-0001", "coordinators", None) == (
            change.version,
            change.network,
            change.what,
            change.reported_at,
        )
        (change,) = (await asked(world, ListChanges(reported_until=2), ChangePage)).items
        assert change.reported_at is not None


async def test_an_earlier_version_is_restored_as_a_new_one(autojump_clock, world_of, tmp_path) -> None:
    """All but who was erased since; more than two in a hundred gone must be meant, as with an import."""
    world = world_of(members=3)
    async with world.running():
        await imported(world, tmp_path, network(1, name="Other"), members=2)
        await asked(world, EraseMember("M0"), ErasedView)
        assert ["import", "import", "erase"] == [
            one.what for one in await asked(world, ListVersions(), tuple[VersionView, ...])
        ]
        view = await asked(world, RestoreVersion(1), ImportedView)
        assert (1, 2) == (view.networks, view.members)
        assert ("BIN 1", 4) == (world.desk.imported.networks["BIN-0001"].name, world.desk.imported.version)  # type: ignore[index]
        assert 2 == (await world.send()).members
        with pytest.raises(InputError, match="--allow-removal 1"):
            await asked(world, RestoreVersion(3), ImportedView)
        with pytest.raises(InputError, match="no such version"):
            await asked(world, RestoreVersion(9), ImportedView)


@pytest.mark.parametrize("commits", [None, 1, 2, 3, 4])
async def test_a_key_is_changed_whatever_happens_in_between(autojump_clock, world_of, commits) -> None:
    """The power fails at each of its commits: what is sealed opens all the same, and the next run ends it."""
    world = world_of(members=30)
    async with world.running():
        before = world.desk.book.register()
    old = read_keys(keys_path(world.directory, None))
    try:
        async with world.running():
            if commits is not None:
                world.cut_before_commit = world.commits + commits
            await asked(world, RotateKey(), KeyView)
    except* PowerCut:
        assert commits is not None
    world.cut_before_commit = None
    async with world.running():
        assert before == world.desk.book.register()
        await asked(world, RotateKey(), KeyView)
        book = world.desk.book
        assert (before, ["M3"]) == (book.register(), book.find(address(3)))
        keys = read_keys(keys_path(world.directory, None))
        assert keys is not None
        assert (False, False, True) == (keys.has_older, keys.knows(1), old is None)
        assert all(row.key == keys.current for row in book.rows.rows(1, ("zone", "network", "member")))
        assert 30 == (await world.send()).members
