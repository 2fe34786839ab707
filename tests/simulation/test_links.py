"""Links that break and carriers that fall silent."""

from itertools import pairwise

import pytest
import trio
from tests.simulation.audit import audit
from tests.simulation.world import GRACE_S, TEXT_ONLY, network

from klaroen.testing.deeds import LOST_ANSWER, PROVED, SILENT, UNKNOWN, Deed, Proof
from klaroen.testing.far_end import FarEnd

ONE_STEP = [network(1, TEXT_ONLY)]
SLOW = Deed(answer_s=2.0, proofs=(Proof(60.0),))
"""The link is cut before its answer, and no receipt comes within the grace."""
PROVED_SOON = Deed(answer_s=2.0, proofs=(Proof(3.0, by="reference"),))


async def test_what_a_lost_link_had_not_taken_moves(autojump_clock, world_of) -> None:
    """Everything that had not left goes to another carrier at once; only what had no answer is in doubt."""
    alpha, beta = FarEnd("alpha", window=20), FarEnd("beta", window=20)
    alpha.script = beta.script = lambda _envelope, _seen: Deed(answer_s=0.5)
    async with world_of(alpha, beta, networks=ONE_STEP, members=400).running() as world:
        sent = await world.send()
        await trio.sleep(0.75)
        first, other = (alpha, beta) if alpha.handed else (beta, alpha)
        unanswered = len(first.handed) - len(first.answered)
        first.cut()
        cut_at = trio.current_time()
        await world.until(lambda: bool(other.handed), 2)
        assert trio.current_time() - cut_at < 0.5
        status = await world.over(sent.id)
        assert 400 == status.reached
        assert 0 < unanswered <= 20
        assert status.possible_duplicates <= unanswered
        audit(world, sent.id)


async def test_a_receipt_in_the_grace_settles_the_unknown(autojump_clock, world_of) -> None:
    """No answer came, but proof by reference and number: it is reached, and nobody gets it twice."""
    alpha, beta = FarEnd("alpha", PROVED_SOON), FarEnd("beta")
    async with world_of(alpha, networks=ONE_STEP, members=20).running() as world:
        sent = await world.send()
        await trio.sleep(1)
        alpha.cut()
        await trio.sleep(0.5)
        assert {"unknown"} == {world.attempts(sent.id, one)[0].state for one in range(20)}
        alpha.restore()
        status = await world.over(sent.id)
        assert (20, 0, 20) == (status.reached, status.possible_duplicates, len(alpha.copies))
        assert not beta.handed
        audit(world, sent.id)


async def test_an_unknown_is_sent_again_after_its_grace_and_counted_before(autojump_clock, world_of) -> None:
    """Without a receipt a warm message is repeated after the grace; each is a possible duplicate before it leaves."""
    alpha = FarEnd("alpha", lambda _envelope, seen: SLOW if seen == 0 else PROVED)
    async with world_of(alpha, networks=ONE_STEP, members=20).running() as world:
        sent = await world.send()
        await trio.sleep(1)
        alpha.cut()
        cut_at = trio.current_time()
        await trio.sleep(0.3)
        alpha.restore()
        counted: list[int] = []
        alpha.before_hand_over.append(
            lambda _end, _envelopes: counted.append(world.desk.alerts[sent.id].account.possible_duplicates)
        )
        status = await world.over(sent.id)
        assert (20, 20) == (status.reached, status.possible_duplicates)
        assert [20] == sorted(set(counted))
        again = alpha.handed[20:]
        assert all(GRACE_S <= one.at - cut_at <= GRACE_S + 2 for one in again)
        assert {one.envelope.attempt for one in again} == {one.envelope.attempt for one in alpha.handed[:20]}
        (attempt,) = world.attempts(sent.id)
        assert attempt.possible_duplicate
        audit(world, sent.id)


async def test_a_cold_unknown_waits_for_its_end(autojump_clock, world_of) -> None:
    """A cold message in doubt is not repeated."""
    alpha = FarEnd("alpha", UNKNOWN)
    async with world_of(alpha, networks=ONE_STEP, members=5).running() as world:
        sent = await world.send(**{"class": "cold"}, expires_in_s=60)
        status = await world.over(sent.id)
        assert ("expired", 5, 5) == (status.state, status.expired, len(alpha.handed))
        audit(world, sent.id)


async def test_a_keyed_carrier_gets_the_same_key(autojump_clock, world_of) -> None:
    """A carrier that knows keys is asked again at once with the same one, and sends nothing twice."""
    alpha = FarEnd("alpha", lambda _envelope, seen: SLOW if seen == 0 else PROVED, keyed=True)
    beta = FarEnd("beta")
    carriers = {"beta": {"weight": 0.001}}
    async with world_of(alpha, networks=ONE_STEP, members=20, carriers=carriers).running() as world:
        sent = await world.send()
        await trio.sleep(1)
        alpha.cut()
        await trio.sleep(0.3)
        alpha.restore()
        await world.until(lambda: len(alpha.handed) == 40, 20)
        assert 20 == len(alpha.copies) == len({one.envelope.attempt for one in alpha.handed})
        assert 0 == (await world.status(sent.id)).possible_duplicates
        await world.act(sent.id, "cancel")
    assert not beta.handed


async def test_only_carrier_away_is_freed_after_the_grace(autojump_clock, world_of) -> None:
    """What only one carrier may repeat waits for it no longer than the grace, then goes elsewhere, marked."""
    alpha = FarEnd("alpha", Deed(UNKNOWN.outcome, copies=1, proofs=()), keyed=True)
    beta = FarEnd("beta")
    async with world_of(alpha, beta, networks=ONE_STEP, members=10).running() as world:
        await world.switch("beta", "avoid")
        sent = await world.send()
        await world.until(lambda: len(alpha.handed) >= 20, 20)
        alpha.cut()
        cut_at = trio.current_time()
        await world.switch("beta", "restore")
        status = await world.over(sent.id)
        assert (10, 10) == (status.reached, status.possible_duplicates)
        assert {10} == {len(beta.handed)}
        assert GRACE_S <= beta.handed[0].at - cut_at <= 2 * GRACE_S + 1
        audit(world, sent.id)


@pytest.mark.parametrize("windows", [(50, 1000), (50, 50)], ids=["wide", "narrow"])
async def test_a_blackout_moves_the_load(autojump_clock, world_of, windows) -> None:
    """A carrier that says nothing is left after 2 s, and 99 % of what was for it leaves by the other within 5 s."""
    dark, well = FarEnd("dark", window=windows[0]), FarEnd("well", window=windows[1])
    networks = [network(number, TEXT_ONLY) for number in range(1, 11)]
    carriers = {name: {"rate_per_s": 1000.0} for name in ("dark", "well")}
    async with world_of(dark, well, networks=networks, members=1000, carriers=carriers).running() as world:
        sent = await world.send()
        await world.until(lambda: len(dark.handed) > 1000)
        dark.script = lambda _envelope, _seen: SILENT
        dark_at = trio.current_time()
        await world.until(lambda: not world.desk.stations["dark"].held and not world.desk.stations["dark"].usable, 2.6)
        left_at = trio.current_time()
        assert 1.9 <= left_at - dark_at <= 2.6
        lost = [one for one in dark.handed if one.at > dark_at]
        assert len(lost) <= 60
        await trio.sleep(dark_at + 5 - trio.current_time())
        held = sum(page.sheet.left for page in world.desk.stations["dark"].held.values())
        assert held <= 100, f"{held} of 10,000 wait for a carrier that is dark"
        dark.script = lambda _envelope, _seen: PROVED
        status = await world.over(sent.id)
        assert (10_000, 0) == (status.reached, status.failed)
        audit(world, sent.id)


async def test_recovery_by_a_trial_that_doubles(autojump_clock, world_of) -> None:
    """A carrier that was dark gets one message, and twice as many with each that it answers."""
    alpha = FarEnd("alpha", lambda _envelope, _seen: SILENT, window=64)
    networks = [network(1, TEXT_ONLY)]
    async with world_of(alpha, networks=networks, members=600).running() as world:
        sent = await world.send()
        await trio.sleep(4)
        first = len(alpha.handed)
        assert 64 == first
        alpha.script = lambda _envelope, _seen: PROVED
        sizes: list[int] = []
        alpha.before_hand_over.append(lambda _end, envelopes: sizes.append(len(envelopes)))
        status = await world.over(sent.id)
        assert 600 == status.reached
        assert 1 == sizes[0]
        assert all(later <= size * 2**size for size, later in pairwise(sizes[:4]))
        assert alpha.handed[first].at <= 11.0, "no trial as soon as there is room for one"
        assert 64 >= status.possible_duplicates
        audit(world, sent.id)


async def test_a_driver_that_crashes_comes_back(autojump_clock, world_of) -> None:
    """A bug in one carrier takes nothing else down: its envelopes are in doubt, and it is started again."""
    alpha, beta = FarEnd("alpha", LOST_ANSWER), FarEnd("beta")
    async with world_of(alpha, networks=ONE_STEP, members=10).running() as world:
        carrier = world.desk.stations["alpha"].carrier
        sent = await world.send()
        await world.until(lambda: len(alpha.handed) == 10, 2)
        alpha.speak = broken(alpha.speak)
        alpha.cut()
        await trio.sleep(0.1)
        alpha.restore()
        status = await world.over(sent.id)
        assert (10, 0) == (status.reached, status.possible_duplicates)
        assert world.desk.stations["alpha"].carrier is carrier
        assert world.desk.stations["alpha"].link_up
        audit(world, sent.id)
    assert not beta.handed


def broken(speak):
    """Fail once, then do as before."""
    failed = []

    async def failing(emit) -> None:
        if not failed:
            failed.append(True)
            raise KeyError("a bug")
        await speak(emit)

    return failing
