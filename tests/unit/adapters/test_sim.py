"""The simulated carrier: fate by arithmetic, in virtual time."""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from tests.fakes.carrier_peers import SimPeer
from trio.testing import MockClock

from klaroen.core.model import AttemptId, CarrierName, Channel
from klaroen.core.ports import Accepted, Answer, Call, Envelope, Receipt
from klaroen.settings import Sim
from klaroen.testing import CarrierRig
from klaroen_adapters import sim
from klaroen_adapters.sim import build, fate


def rig(tmp_path: Path, channel: Channel = "sms", **keys: Any) -> CarrierRig:
    ledger = tmp_path / "ledger.jsonl"
    chosen = Sim(CarrierName("sim"), (channel,), ledger=str(ledger), **keys)
    return CarrierRig(lambda emit, clock: build(chosen, emit, clock), SimPeer(ledger), channel)


def receipts(of: CarrierRig) -> list[Receipt]:
    return [event for event in of.events if isinstance(event, Receipt)]


async def play(of: CarrierRig, envelopes: list[Envelope], seconds: float = 60) -> None:
    async with of.running():
        await of.carrier.hand_over(envelopes)
        await trio.sleep(seconds)


def test_fate_is_a_function_of_seed_and_attempt() -> None:
    """The same in every process and order; another seed is another world; draws fill [0, 1) evenly."""
    assert fate(1, AttemptId("a")) == fate(1, AttemptId("a"))
    assert fate(1, AttemptId("a")) != fate(2, AttemptId("a"))
    assert fate(-1, AttemptId("a")) != fate(2**70, AttemptId("a"))
    drawn = [fate(7, AttemptId(f"attempt{index}")) for index in range(4000)]
    for draws in ([f.proof for f in drawn], [f.delay for f in drawn], [f.confirm for f in drawn]):
        assert all(0 <= draw < 1 for draw in draws)
        assert all(800 < sum(low / 4 <= draw < (low + 1) / 4 for draw in draws) < 1200 for low in range(4))


async def test_answers_after_the_latency_and_proof_after_a_few(tmp_path: Path, autojump_clock: MockClock) -> None:
    made = rig(tmp_path, latency_ms=100)
    envelopes = made.envelopes(50)
    async with made.running():
        await made.carrier.hand_over(envelopes)
        await trio.sleep(0.099)
        assert not made.answers(envelopes[0])
        await trio.sleep(0.002)
        assert [Accepted((f"sim.{envelopes[0].attempt}",))] == made.answers(envelopes[0])
        assert not receipts(made)
        await trio.sleep(0.5)
    assert 50 == len(receipts(made))
    assert {envelope.attempt for envelope in envelopes} == {receipt.attempt for receipt in receipts(made)}


@pytest.mark.parametrize("channel", ["voice", "tts"])
async def test_a_call_rings_and_plays_before_it_is_proved(
    tmp_path: Path, autojump_clock: MockClock, channel: Channel
) -> None:
    made = rig(tmp_path, channel)
    await play(made, made.envelopes(50), 2.9)
    assert 50 == sum(isinstance(event, Answer) for event in made.events)
    assert not receipts(made)
    again = rig(tmp_path, channel)
    await play(again, again.envelopes(50), 6.1)
    assert 50 == len(receipts(again))


async def test_some_of_those_who_are_asked_confirm(tmp_path: Path, autojump_clock: MockClock) -> None:
    made = rig(tmp_path, "tts")
    asked = [replace(e, content=replace(e.content, confirm=True)) for e in made.envelopes(400)]
    await play(made, [*asked, *made.envelopes(100)])
    states = Counter(receipt.state for receipt in receipts(made))
    assert 500 == states["reached"]
    assert 200 < states["confirmed"] < 280


async def test_a_lost_receipt_is_of_a_copy_that_arrived(tmp_path: Path, autojump_clock: MockClock) -> None:
    made = rig(tmp_path, loss=0.2)
    await play(made, made.envelopes(1000))
    assert 1000 == len(made.peer.copies)
    assert 740 < len(receipts(made)) < 860


async def test_a_repeated_attempt_reaches_the_handset_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    """And is answered and proved again, since the first answer may have been lost."""
    made = rig(tmp_path)
    envelopes = made.envelopes(3)
    async with made.running():
        for _ in range(2):
            await made.carrier.hand_over(envelopes)
            await trio.sleep(1)
    assert 3 == len(made.peer.copies)
    assert [2, 2, 2] == [len(made.answers(envelope)) for envelope in envelopes]
    assert 6 == len(receipts(made))


async def test_memory_of_attempts_is_bounded(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim, "KNOWN_MAX", 10)
    made = rig(tmp_path)
    await play(made, made.envelopes(50))
    assert isinstance(made.carrier, sim.SimCarrier)
    assert 10 == len(made.carrier._known)


async def test_the_ledger_is_raw(tmp_path: Path, autojump_clock: MockClock) -> None:
    """One line of JSON a copy: when, number, channel, carrier, exact text and attempt; appended, never rewritten."""
    earlier = rig(tmp_path, "tts")
    await play(earlier, earlier.envelopes(1))
    told = (tmp_path / "ledger.jsonl").read_text("utf-8")
    made = rig(tmp_path, "tts")
    envelope = made.envelopes(2, "Dag\nZoë 🚨")[1]
    async with made.running():
        await made.carrier.hand_over([envelope])
        await trio.sleep(10)
        before, line = (tmp_path / "ledger.jsonl").read_text("utf-8").splitlines()
        assert f"{before}\n" == told
    copy = json.loads(line)
    receipt = receipts(made)[-1]
    assert receipt.at is not None
    assert {
        "at": receipt.at / 1000,
        "number": envelope.address,
        "channel": "tts",
        "carrier": "sim",
        "text": "Dag\nZoë 🚨",
        "attempt": envelope.attempt,
        "confirm": False,
    } == copy


async def test_the_far_end_outlives_the_process(tmp_path: Path, autojump_clock: MockClock) -> None:
    """After a crash it repeats the proof of what arrived, and rings nobody twice for a repeated attempt."""
    before = rig(tmp_path, "tts")
    asked = [replace(one, content=replace(one.content, confirm=True)) for one in before.envelopes(20)]
    await play(before, asked)
    proved = sorted((receipt.state, receipt.attempt, receipt.at) for receipt in receipts(before))
    after = rig(tmp_path, "tts")
    async with after.running():
        assert proved == sorted((receipt.state, receipt.attempt, receipt.at) for receipt in receipts(after))
        await after.carrier.hand_over(asked)
        await trio.sleep(60)
    assert 20 == len(after.peer.copies)


async def test_proof_of_long_ago_is_not_repeated(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its acknowledgement came long ago; the attempt is still known."""
    before = rig(tmp_path)
    envelopes = before.envelopes(2)
    await play(before, envelopes)
    monkeypatch.setattr(sim, "RECALL_MS", -60_000)  # each rig's clock starts anew
    after = rig(tmp_path)
    async with after.running():
        await trio.sleep(1)
        assert [] == receipts(after)
        await after.carrier.hand_over(envelopes)
        await trio.sleep(1)
    assert 2 == len(after.peer.copies)


async def test_a_line_that_a_crash_broke_off_never_was(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The ledger stays readable to its end, and the copy comes when its attempt is repeated."""
    before = rig(tmp_path, "tts")
    envelopes = before.envelopes(2)
    await play(before, envelopes)
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-10])
    after = rig(tmp_path, "tts")
    await play(after, envelopes)
    assert 2 == len(ledger.read_text("utf-8").splitlines()) == len(after.peer.copies)


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_world_is_replayed_from_its_seed(tmp_path: Path, seed: int) -> None:
    """Two runs of one seed say the same of each attempt, at the same moments, whatever order trio chose."""

    def world(run: Callable[[], Any]) -> Any:
        return trio.run(run, clock=MockClock(autojump_threshold=0))

    async def run() -> list[tuple[str, int | None]]:
        (tmp_path / "ledger.jsonl").unlink(missing_ok=True)
        made = rig(tmp_path, seed=seed, loss=0.1)
        envelopes = made.envelopes(300)
        async with made.running(), trio.open_nursery() as nursery:
            for start in range(0, 300, 30):
                nursery.start_soon(made.carrier.hand_over, envelopes[start : start + 30])
            await trio.sleep(5)
        return sorted((str(receipt.attempt), receipt.at) for receipt in receipts(made))

    first, second = [await trio.to_thread.run_sync(world, run) for _ in range(2)]
    assert first == second
    assert 200 < len(first) < 300


async def test_a_hundred_thousand_messages_are_cheap(autojump_clock: MockClock) -> None:
    """No task and no timer a message: the whole country in a few seconds, answers and receipts included."""
    chosen = Sim(CarrierName("sim"), ("sms",))
    made = CarrierRig(lambda emit, clock: build(chosen, emit, clock), SimPeer(Path("none")), "sms")
    envelopes = made.envelopes(100_000)
    cpu_s = time.process_time()
    async with made.running():
        for start in range(0, 100_000, 1000):
            await made.carrier.hand_over(envelopes[start : start + 1000])
        await trio.sleep(1)
    cpu_s = time.process_time() - cpu_s
    assert 200_001 == len(made.events)
    assert cpu_s < 10, f"{cpu_s * 10:.0f} µs a message"


async def test_nobody_answers_the_lost_share_of_calls(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Busy or rung out: no copy, and a reason in words."""
    made = rig(tmp_path, "tts", loss=0.25)
    await play(made, made.envelopes(400))
    failed = Counter(receipt.code for receipt in receipts(made) if receipt.state == "failed")
    assert {"busy", "no answer"} == set(failed)
    assert 60 < failed.total() < 140
    assert 400 - failed.total() == len(made.peer.copies)


async def test_a_call_that_stands_is_not_rung_twice(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A repeat while it stands gets its answer, and the call ends once."""
    made = rig(tmp_path, "tts")
    envelopes = made.envelopes(3)
    async with made.running():
        await made.carrier.hand_over(envelopes)
        await trio.sleep(1)
        await made.carrier.hand_over(envelopes)
        await made.wait_ends(envelopes)
        await trio.sleep(10)
    assert [2, 2, 2] == [len(made.answers(envelope)) for envelope in envelopes]
    assert 3 == sum(isinstance(event, Call) and event.phase == "ended" for event in made.events)
    assert 3 == len(made.peer.copies)
