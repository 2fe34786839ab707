"""The load of calls keeps its promises to whoever reads its figures; what it is set up with, the engine takes."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
import trio.testing

from klaroen.configuration import load_settings
from klaroen.core.errors import CarrierDownError
from klaroen.core.model import ClipId
from klaroen.core.ports import Accepted, Answer, Call, Envelope, Event, Link, Receipt, Refused, Script, Unknown, Unsent
from klaroen_bench import asterisk
from klaroen_bench.asterisk import Asterisk, find_asterisk
from klaroen_bench.peers.calls import Caller, Load
from klaroen_bench.spoken import _read_clips
from klaroen_bench.voice import bound_ms, clip_s
from klaroen_bench.voice_rig import asterisk_carrier, put_clip, sip_carrier, write_config

CALL_S = 2.0
ENDS = {
    "1": lambda name: [Answer(name, Refused("number invalid", "address"))],
    "2": lambda name: [Answer(name, Unsent("voice process late"))],
    "3": lambda name: [Answer(name, Unknown("trunk silent"))],
    "4": lambda name: [
        Answer(name, Accepted()), Receipt("failed", "busy", attempt=name), Call(name, "ended", 0.0),
    ],
}  # fmt: skip
"""How a call to a number that ends so ends, at once."""


class FakeCarrier:
    """Answers after a tenth of a second, plays for two; some numbers have another fate."""

    name = "fake"

    def __init__(self, nursery: trio.Nursery, fates: str = "") -> None:
        self.caller: Caller
        self.down = False
        self.standing = self.most = 0
        self._nursery = nursery
        self._fates = fates

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        if self.down:
            raise CarrierDownError(self.name)
        for envelope in envelopes:
            self._nursery.start_soon(self._call, envelope)
        await trio.lowlevel.checkpoint()

    async def _call(self, envelope: Envelope) -> None:
        name, end = envelope.attempt, envelope.address[-1]
        if end in self._fates:
            await self._tell(ENDS[end](name))
            return
        self.standing += 1
        self.most = max(self.most, self.standing)
        await trio.sleep(0.1)
        await self._tell([Answer(name, Accepted()), Call(name, "answered", 0.1)])
        await trio.sleep(CALL_S)
        self.standing -= 1
        await self._tell([Receipt("reached", "played 80 %", attempt=name), Call(name, "ended", CALL_S)])

    async def _tell(self, events: Sequence[Event]) -> None:
        await self.caller.emit(events)


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return trio.testing.MockClock(autojump_threshold=0)


def run(
    load: Load, clock: trio.testing.MockClock, fates: str = "", *, down: bool = False
) -> tuple[Caller, FakeCarrier, float]:
    async def main() -> tuple[Caller, FakeCarrier, float]:
        async with trio.open_nursery() as nursery:
            carrier = FakeCarrier(nursery, fates)
            carrier.down = down
            carrier.caller = caller = Caller(load, Script(ClipId("c"), 30.0, 1))
            caller.carrier = carrier
            await caller.emit([Link(True, 9, "up")])
            measured_s = await caller.run()
            return caller, carrier, measured_s

    return trio.run(main, clock=clock)


def test_as_many_calls_stand_as_are_asked_for_and_no_more(clock) -> None:
    """Twenty lines of two seconds begin ten calls a second at the most, whatever the rate would allow."""
    caller, carrier, measured_s = run(Load(20, 300.0, 10.0), clock)
    assert (20, 20) == (carrier.most, caller.concurrent)
    assert (caller.calls, caller.answered, caller.reached) == (caller.calls,) * 3
    assert 7.0 < caller.counted / measured_s < 10.0
    assert {} == dict(caller.outcomes)
    assert caller.talk_s == pytest.approx(CALL_S * caller.calls)


def test_setup_is_timed_from_the_order_once_all_lines_are_in_use(clock) -> None:
    caller, _, _ = run(Load(20, 300.0, 10.0), clock)
    assert caller.counted == len(caller.setup_ms) == caller.calls - 20
    assert {100} == {round(sample) for sample in caller.setup_ms}


def test_the_rate_holds_where_lines_are_plenty(clock) -> None:
    """Lines that are not in use after half a minute will not be; then measuring begins all the same."""
    caller, carrier, measured_s = run(Load(1_000, 50.0, 10.0), clock)
    assert 100 <= carrier.most <= 110
    assert 48.0 < caller.counted / measured_s < 52.0


def test_what_fails_is_told_in_its_words(clock) -> None:
    """And is no setup."""
    caller, _, _ = run(Load(20, 300.0, 5.0), clock, fates="1234")
    assert {"number invalid", "voice process late", "trunk silent", "busy"} == set(caller.outcomes)
    assert caller.calls == caller.reached + sum(caller.outcomes.values())
    assert caller.unsent == caller.outcomes["number invalid"] + caller.outcomes["voice process late"]


def test_a_call_that_never_ends_is_given_up_and_told_so(clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its carrier says of it later is of no interest."""
    monkeypatch.setattr("tests.unit.bench.test_voice_bench.CALL_S", 500.0)
    caller, carrier, _ = run(Load(3, 300.0, 1.0), clock)
    assert {"never ended": 3} == dict(caller.outcomes)
    assert (3, 0, 0) == (caller.answered, caller.reached, carrier.standing)


def test_a_carrier_that_is_down_takes_nothing(clock) -> None:
    caller, _, _ = run(Load(2, 5.0, 1.0), clock, down=True)
    assert {"carrier down": caller.calls} == dict(caller.outcomes)
    assert caller.calls == caller.unsent


def test_a_carrier_that_never_comes_up_is_waited_for_in_vain(clock) -> None:
    async def main() -> None:
        await Caller(Load(1, 1.0, 1.0), Script(ClipId("c"), 30.0, 1)).run()

    with pytest.raises(trio.TooSlowError):
        trio.run(main, clock=clock)


# --- what it is set up with ---


def test_the_clip_lies_in_the_store_under_its_hash(tmp_path: Path) -> None:
    """No packet is like another, so that none can stand for another."""
    name = put_clip(tmp_path, 1.5)
    ((found, octets),) = _read_clips(tmp_path / "clips")
    assert (name, 12_000) == (found, len(octets))
    assert 75 == len({octets[at : at + 160] for at in range(0, len(octets), 160)})


def test_the_engine_takes_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text("secret")
    pbx = Asterisk(1, "http://127.0.0.1:8088/ari", tmp_path / "password", "22")
    carriers = sip_carrier("trunk", 5060, 7) + sip_carrier("sipp", 5062, 8, probe=False)
    settings = load_settings(write_config(tmp_path, carriers + asterisk_carrier("pbx", pbx, 9)), {})
    assert [("trunk", 7), ("sipp", 8), ("pbx", 9)] == [(one.name, one.lines) for one in settings.carrier]


@pytest.mark.parametrize(("concurrent", "expected"), [(10, 1.94), (1_000, 1.94), (2_000, 5.28)])
def test_more_lines_need_longer_clips_to_be_in_use_at_once(concurrent: int, expected: float) -> None:
    """With 1.5 s around the clip, 300 calls a second fill them, and some wait."""
    assert expected == clip_s(concurrent)
    assert concurrent <= 300 * (clip_s(concurrent) + 1.5)


METRICS = """
klaroen_voice_late_seconds_bucket{le="0.001"} 50.0
klaroen_voice_late_seconds_bucket{le="0.01"} 98.0
klaroen_voice_late_seconds_bucket{le="1.0"} 99.0
klaroen_voice_late_seconds_bucket{le="+Inf"} 100.0
"""


@pytest.mark.parametrize(("share", "expected"), [(0.5, 1.0), (0.51, 10.0), (0.99, 1000.0), (1.0, None)])
def test_lateness_is_the_bound_of_its_class(share: float, expected: float | None) -> None:
    """Beyond the last bound nothing is known."""
    assert expected == bound_ms(METRICS, share)


def test_without_a_tick_there_is_no_lateness() -> None:
    assert bound_ms("", 0.5) is None
    assert bound_ms('klaroen_voice_late_seconds_bucket{le="+Inf"} 0.0\n', 0.5) is None


def test_an_asterisk_is_found_on_the_path_or_laid_aside(monkeypatch, tmp_path: Path) -> None:
    """None is no fault: then its row is null."""
    monkeypatch.setattr(asterisk.shutil, "which", lambda _: None)
    monkeypatch.setattr(asterisk, "LAID_ASIDE", tmp_path)
    assert find_asterisk() is None
    modules = tmp_path / "usr/lib/x86_64-linux-gnu/asterisk/modules"
    modules.mkdir(parents=True)
    assert find_asterisk() is None
    loader = modules.parents[1] / "ld-linux-x86-64.so.2"
    loader.touch()
    found = find_asterisk()
    assert found is not None
    assert (str(loader), modules) == (found.program[0], found.modules)
