"""The audit of itself: silent on a sound system, and each check finds what is broken on purpose."""

from collections.abc import Callable

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.audit import audit
from tests.simulation.world import network

from klaroen.core.model import Instant, Text
from klaroen.core.records import Orphan
from klaroen.core.state import HANDED_OVER
from klaroen.dispatch.auditor import ROUND_S, Auditor
from klaroen.dispatch.socket import readiness
from klaroen.store.writer import transact
from klaroen.testing.deeds import SILENT, UNPROVED
from klaroen.testing.far_end import FarEnd
from klaroen.testing.world import World


def found(world: World) -> set[str]:
    return {check for check, _ in world.desk.findings}


def pages(world: World) -> list:
    return [page for opened in world.desk.alerts.values() for page in opened.pages.values()]


def break_sums(world: World) -> None:
    account = next(iter(world.desk.alerts.values())).account
    account.counts[0] += 1


def break_tallies(world: World) -> None:
    next(iter(world.desk.alerts.values())).account.tally("sms").states[HANDED_OVER] -= 1


def break_due(world: World) -> None:
    pages(world)[0].look_at = None
    pages(world)[0].state = "ready"


def break_leases(world: World) -> None:
    page = next(page for page in pages(world) if page.sheet.left)
    page.station.held.clear()


def break_exposed(world: World) -> None:
    world.desk.exposed = 5_000


def break_fold(world: World) -> None:
    pages(world)[0].sheet.confirmed.add(3)


def break_content(world: World) -> None:
    opened = next(iter(world.desk.alerts.values()))
    opened.alert = replace(opened.alert, content={"nl": Text("Bel 112.")})


def break_trail(world: World) -> None:
    world.desk.store._writing.run("UPDATE audit SET entry = entry || ' ' WHERE number = 1")


def break_orphans(world: World) -> None:
    store = world.desk.store
    transact(store, lambda: store.put_orphan(Orphan(next(iter(world.desk.stations)), Instant(0), b"")))


BREAKS: dict[str, Callable[[World], None]] = {
    name.removeprefix("break_"): broken for name, broken in list(globals().items()) if name.startswith("break_")
}


@pytest.mark.parametrize("check", BREAKS)
async def test_what_is_broken_on_purpose_is_found_and_said(autojump_clock, world_of, check: str) -> None:
    """Counted by its check, told on /readyz without saying of whom, and no reason to refuse alerts."""
    alpha = FarEnd("alpha", lambda _envelope, seen: UNPROVED if len(alpha.handed) <= 20 else SILENT)
    async with world_of(alpha, members=60, unjournaled_max=30).running() as world:
        sent = await world.send()
        await world.until(lambda: len(alpha.handed) > 20)
        await trio.sleep(1.0)
        auditor = Auditor(world.desk)
        for _ in range(3):
            auditor.round()
        assert set() == found(world)
        BREAKS[check](world)
        for _ in range(len(pages(world)) + 2):
            auditor.round()
        assert check in found(world)
        ready = readiness(world.desk)
        assert (True, True) == (ready.ready, check in ready.words)
        assert sent.id not in ready.words


async def test_a_sound_system_is_audited_all_the_time_and_nothing_is_found(autojump_clock, world_of) -> None:
    """With calls, carriers that lose links, steps without proof, a pause, a cancel, late receipts and a restart."""
    alpha, beta = FarEnd("alpha"), FarEnd("beta", UNPROVED)
    world = world_of(alpha, beta, networks=[network(number) for number in range(1, 6)], members=100)
    posted = []
    async with world.running():
        for verb in ("pause", "resume", "cancel", None):
            posted.append((await world.send()).id)
            await trio.sleep(0.1)
            if verb is not None:
                await world.act(posted[-1], verb)
            if verb == "pause":
                await trio.sleep(2 * ROUND_S)
                await world.act(posted[-1], "resume")
        alpha.cut()
        await trio.sleep(ROUND_S + 1)
        assert {} == world.desk.findings
    alpha.restore()
    async with world.running():
        for one in posted:
            await world.over(one)
            assert {} == world.desk.findings
        await trio.sleep(2 * ROUND_S)
        assert {} == world.desk.findings
        assert world.clock.now() - world.desk.audited_at < 1_000 * ROUND_S + 1_000
        audit(world, *posted)


async def test_what_adds_up_again_is_no_finding_any_more(autojump_clock, world_of) -> None:
    async with world_of(FarEnd("alpha", UNPROVED)).running() as world:
        await world.send()
        await trio.sleep(1.0)
        auditor = Auditor(world.desk)
        account = next(iter(world.desk.alerts.values())).account
        account.counts[0] += 1
        auditor.round()
        assert {"sums"} == found(world)
        account.counts[0] -= 1
        auditor.round()
        assert set() == found(world)


async def test_an_alert_that_is_over_takes_its_findings_along(autojump_clock, world_of) -> None:
    """What was wrong with it stays in the log."""
    alpha = FarEnd("alpha", UNPROVED)
    async with world_of(alpha).running() as world:
        sent = await world.send()
        await trio.sleep(1.0)
        await world.act(sent.id, "cancel")
        await world.over(sent.id)
        world.desk.findings["sums", f"alert {sent.id}"] = "wrong"
        world.desk.findings["fold", f"batch 1 of alert {sent.id}"] = "wrong"
        world.desk.findings["fold", "the store"] = "wrong"
        Auditor(world.desk).round()
        assert {("fold", "the store"): "wrong"} == world.desk.findings
