"""The audit trail of a running dispatch (R22): entered in the same commit, verified, and true to the alerts."""

import sqlite3

import pytest
import trio
from msgspec import msgpack
from tests.simulation.world import TOKENS, World

from klaroen.core import audit
from klaroen.core.calls import (
    ExportAudit,
    ListDeliveries,
    PutPin,
    RevokePin,
    ShowDelivery,
    UnlockOfficer,
    VerifyAudit,
)
from klaroen.core.errors import InputError
from klaroen.core.model import AlertId, CarrierName
from klaroen.core.pins import Pin
from klaroen.core.views import AuditPage, AuditView, DeliveryPage, DeliveryWhyView, rfc3339
from klaroen.dispatch import trail
from klaroen.dispatch.run import SWEEP_S
from klaroen.seal import load_seal
from klaroen.testing.disk import PowerCut
from klaroen.testing.far_end import FarEnd

SLOW = {"carriers": {"alpha": {"rate_per_s": 50.0}}, "members": 200}


def verified(world: World, head: str | None = None) -> AuditView:
    return trail.verify(world.desk.store, VerifyAudit(head))


def deeds(world: World) -> list[audit.Deed]:
    told = [audit.decode(row.entry.encode()) for row in trail.export(world.desk.store, ExportAudit()).rows]
    return [deed for deed in told if deed is not None]


async def test_R22_what_was_done_is_entered_with_its_outcome(autojump_clock, world_of) -> None:
    async with world_of(FarEnd("alpha"), **SLOW).running() as world:
        first = await world.send(author="insp. 4711")
        await trio.sleep(1)
        await world.act(first.id, "pause")
        await world.act(first.id, "resume")
        second = await world.send(supersedes=first.id)
        status = await world.over(first.id)
        await world.over(second.id)
        told = deeds(world)
        assert ["accepted", "changed", "changed", "accepted", "closed", "closed"] == [one.what for one in told]
        assert ["police", "operator", "operator", "police"] == [one.by for one in told[:4]]
        assert ("insp. 4711", ("BIN-0001",), 200) == (told[0].author, told[0].networks, told[0].members)
        assert ("paused", "sending") == (told[1].state, told[2].state)
        assert (first.id,) == told[3].supersedes
        assert {"reached": status.reached, "cancelled": status.cancelled} == told[4].outcome
        assert told[0].texts == first.content_sha256
        view = verified(world)
        assert (6, 2, ()) == (view.entries, view.alerts, view.faults)
        assert view == verified(world, view.head)


async def test_an_alert_and_its_entry_are_one_commit(autojump_clock, world_of) -> None:
    """Wherever the power fails, the trail holds exactly what was accepted."""
    for before in range(1, 4):
        world = world_of(FarEnd("alpha"), members=20)
        world.cut_before_commit = before
        try:
            async with world.running():
                await world.send()
                await trio.sleep(60)
        except* PowerCut:
            pass
        world.cut_before_commit = None
        async with world.running():
            alerts = [row.alert.id for row in world.desk.store.alerts(None, 10, (), ())]
            assert sorted(alerts) == sorted(one.alert for one in deeds(world) if one.what == "accepted")
            assert () == verified(world).faults
        return


async def test_R22_an_alert_that_was_changed_afterwards_shows(autojump_clock, world_of) -> None:
    """Whoever edits the store must also forge the trail, and a noted head tells even then."""
    world = world_of(FarEnd("alpha"), members=20)
    async with world.running():
        sent = await world.send()
        await world.over(sent.id)
        head = verified(world).head
    file = world.directory / "klaroen.db"
    with sqlite3.connect(file) as connection:
        (blob,) = connection.execute("SELECT alert FROM acceptance").fetchone()
        forged = msgpack.decode(blob)
        forged["content"]["nl"]["text"] = "Iets anders."
        connection.execute("UPDATE acceptance SET alert = ?", (msgpack.encode(forged),))
    connection.close()
    async with world.running():
        assert ("entry 1: its alert is not what was accepted",) == verified(world, head).faults
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM audit WHERE number = 2")
    connection.close()
    async with world.running():
        faults = verified(world, head).faults
        assert "the trail ends at entry 1: entry 2 was noted" in faults
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE audit SET entry = replace(entry, 'police', 'polite')")
    connection.close()
    async with world.running():
        assert ("entry 1 is not what was written",) == verified(world).faults
        assert "entry 1 is not the one whose hash was noted" in verified(world, f"1:{'0' * 64}").faults
    with sqlite3.connect(file) as connection:
        forged = (b"{}", audit.digest_of(audit.ORIGIN, 1, b"{}"))
        connection.execute("UPDATE audit SET entry = ?, digest = ?", forged)
    connection.close()
    async with world.running():
        assert ("entry 1 cannot be read",) == verified(world).faults
    with sqlite3.connect(file) as connection:
        gone = audit.encode(audit.changed("none", "paused", TOKENS[0], world.clock.now()))  # type: ignore[arg-type]
        gone = gone.replace(b'"changed"', b'"accepted"')
        connection.execute("UPDATE audit SET entry = ?, digest = ?", (gone, audit.digest_of(audit.ORIGIN, 1, gone)))
    connection.close()
    async with world.running():
        assert ("entry 1: its alert is gone",) == verified(world).faults


async def test_a_head_that_is_none_is_told_so(autojump_clock, world_of) -> None:
    async with world_of(FarEnd("alpha"), members=2).running() as world:
        for words in ("", "1", "1:abc", f"x:{'0' * 64}"):
            with pytest.raises(InputError, match="NUMBER:HASH"):
                verified(world, words)
        assert AuditPage(()) == trail.export(world.desk.store, ExportAudit(99))


async def test_a_long_trail_is_exported_in_pages(autojump_clock, world_of, monkeypatch) -> None:
    monkeypatch.setattr(trail, "PAGE_BYTES_MAX", 300)
    async with world_of(FarEnd("alpha"), members=2).running() as world:
        for _ in range(3):
            await world.over((await world.send()).id)
        numbers, after = [], 0
        while rows := trail.export(world.desk.store, ExportAudit(after)).rows:
            numbers += [row.number for row in rows]
            after = rows[-1].number
        assert [1, 2, 3, 4, 5, 6] == numbers


async def test_R07_every_look_at_members_is_entered_before_it_is_answered(autojump_clock, world_of) -> None:
    """Who looked, at whose deliveries, and at how many; one member by id. What cannot be entered is not shown."""
    async with world_of(FarEnd("alpha"), members=8).running() as world:
        sent = await world.send()
        await world.over(sent.id)
        with world.standing_still():
            page = ListDeliveries(AlertId(sent.id), network="BIN-0001", limit=5)
            await world.ask(page, DeliveryPage)
            await world.ask(ShowDelivery(AlertId(sent.id), "M3"), DeliveryWhyView)
            with pytest.raises(InputError):
                await world.ask(page, DeliveryPage, "operator")
            looks = [deed for deed in deeds(world) if deed.what == "looked"]
            assert [("police", sent.id, ("BIN-0001",), 5, None), ("police", sent.id, (), 1, "M3")] == [
                (one.by, one.alert, one.networks, one.members, one.member) for one in looks
            ]
            world.disk_full = True
            with pytest.raises(InputError, match="store cannot write"):
                await world.ask(page, DeliveryPage)
            with pytest.raises(InputError, match="store cannot write"):
                await world.switch("alpha", "avoid")
            assert not world.desk.stations[CarrierName("alpha")].avoided
        assert () == verified(world).faults


async def test_R22_what_an_operator_and_the_command_line_change_is_entered(autojump_clock, world_of) -> None:
    """Carriers taken out and back, officers' PINs; each with who and what."""
    async with world_of(FarEnd("alpha")).running() as world:
        await world.switch("alpha", "avoid")
        await world.switch("alpha", "restore")
        pin = Pin("O1", "4711", b"s" * 16, b"d" * 32, world.clock.now())
        for question in (PutPin(pin), UnlockOfficer("O1"), RevokePin("O1")):
            await world.ask(question, type(None), None)
        told = [(deed.what, deed.by, deed.carrier, deed.officer) for deed in deeds(world)]
        assert [
            ("carrier_avoided", "operator", "alpha", None),
            ("carrier_restored", "operator", "alpha", None),
            ("pin", audit.COMMAND_LINE, None, "O1"),
            ("pin_unlocked", audit.COMMAND_LINE, None, "O1"),
            ("pin_revoked", audit.COMMAND_LINE, None, "O1"),
        ] == told
        assert () == verified(world).faults


async def test_R22_checkpoints_sign_the_trail_and_whoever_has_the_key_can_tell(
    autojump_clock, world_of, tmp_path
) -> None:
    """One an hour where something was entered; a trail that was written anew has none by that key."""
    ours, another = load_seal(tmp_path / "ours", None), load_seal(tmp_path / "another", None)
    world = world_of(FarEnd("alpha"), members=5)
    async with world.running() as world:
        world.desk.sealer = ours
        first = await world.send()
        await world.over(first.id)
        world.mock.jump(2 * SWEEP_S)
        await trio.sleep(1)
        second = await world.send()
        await world.over(second.id)
        world.mock.jump(2 * SWEEP_S)
        await trio.sleep(1)
        store = world.desk.store
        assert ["accepted", "closed", "checkpoint"] * 2 == [deed.what for deed in deeds(world)]
        view = trail.verify(store, VerifyAudit(keys=(ours.public.pem,)))
        assert ((), 2, 5, rfc3339(deeds(world)[-1].at)) == (
            view.faults, view.checkpoints, view.sealed_to, view.sealed_at,
        )  # fmt: skip
        assert (0, ()) == (verified(world).checkpoints, verified(world).faults), "without a key it is passed over"
        strange = trail.verify(store, VerifyAudit(keys=(another.public.pem,)))
        told = f"it is signed by another key ({ours.name})"
        assert (f"entry 3, a checkpoint: {told}", f"entry 6, a checkpoint: {told}") == strange.faults
        assert () == trail.verify(store, VerifyAudit(keys=(another.public.pem, ours.public.pem))).faults
        with pytest.raises(InputError, match="no public key"):
            trail.verify(store, VerifyAudit(keys=("x",)))


async def test_R07_a_look_at_what_members_said_is_a_look_at_members(tmp_path, autojump_clock) -> None:
    from tests.simulation.test_replies import shown, write
    from tests.simulation.test_replies import world_of as world_of_replies

    async with world_of_replies(tmp_path, autojump_clock).running() as world:
        sent = await world.send()
        await world.over(sent.id)
        await write(world, (0, "Ik zie hem."), (3, "Wat?"))
        assert 1 == len(await shown(world, sent.id, "z1"))
        assert [("z1", sent.id, 1)] == [
            (one.by, one.alert, one.members) for one in deeds(world) if one.what == "looked"
        ]
        world.disk_full = True
        with pytest.raises(InputError, match="store cannot write"):
            await shown(world, sent.id, "z1")
