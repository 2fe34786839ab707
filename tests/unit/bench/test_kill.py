"""The harness that kills: its traps, its order of blows, and that its audit is no friend of the engine's."""

import os
import signal
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from klaroen_bench.audience import Person, Register
from klaroen_bench.copies import Copy
from klaroen_bench.kill import judge
from klaroen_bench.kill_audit import Alert, Double, Verdict, audit_all, find_doubles, next_index
from klaroen_bench.kill_plan import ANY, deal
from klaroen_bench.kill_system import Hit, Result
from klaroen_bench.kill_trap import POINTS, Trap

VICTIM = """
import sys
from pathlib import Path
from klaroen_bench.kill_trap import Trap
with Trap(Path(sys.argv[1]), "edge") as trap:
    for turn in range(5):
        print(turn, flush=True)
        trap.pass_by("alert: before dispatch is asked")
        trap.pass_by("alert: committed, not answered")
"""


def test_a_trap_catches_at_its_point_and_after_those_who_may_pass(tmp_path: Path) -> None:
    """The process kills itself there, at that turn; the harness reads which one it was."""
    with Trap(tmp_path, "edge") as trap:
        trap.arm("alert: committed, not answered", signal.SIGKILL, skip=2)
        assert 0 == trap.fired
        with subprocess.Popen([sys.executable, "-c", VICTIM, str(tmp_path)], stdout=subprocess.PIPE) as victim:
            said, _ = victim.communicate()
        assert (-signal.SIGKILL, b"0\n1\n2\n", victim.pid) == (victim.returncode, said, trap.fired)


def test_a_trap_that_is_disarmed_lets_everybody_pass(tmp_path: Path) -> None:
    with Trap(tmp_path, "voice") as trap:
        trap.arm("call: told", signal.SIGKILL, skip=0)
        trap.disarm()
        trap.pass_by("call: told")
        trap.arm("call: told", signal.SIGCONT, skip=0)
        trap.pass_by("call: told")
        assert os.getpid() == trap.fired


def test_every_point_has_its_turn_in_a_seeded_order() -> None:
    """In one round of blows each point once, and every process at any moment too; mostly killed, sometimes stopped."""
    points = {(role, point) for role, some in POINTS.items() for point in some}
    blows = list(islice(deal(7), 1000))
    first = {(blow.role, blow.point) for blow in blows[: len(points) + 9]}
    assert points | {(role, ANY) for role in POINTS} == first
    assert blows == list(islice(deal(7), 1000)) != list(islice(deal(8), 1000))
    signals = Counter(blow.signal for blow in blows)
    assert 100 < signals[signal.SIGSTOP] < 200
    assert all((blow.hold_s > 0) == (blow.signal == signal.SIGSTOP) for blow in blows)


# --- the audit ------------------------------------------------------------------------------------------------------

TEXT = "Let op 1."
NUMBER = "32470000001"
PERSON = Person("M1", "nl", NUMBER, "", "", "", (("N1", "active", False),))
NETWORK = {
    "id": "N1",
    "zone": "Z",
    "kind": "residents",
    "languages": ["nl"],
    "plans": [
        {"version": 1, "valid_from": "2020-01-01", "urgent": [{"from": "00:00", "to": "24:00", "channels": ["sms"]}]}
    ],
}
REGISTER = Register({"N1": NETWORK}, {"M1": PERSON}, frozenset())
AT_MS = 1_780_000_000_000
AT = "2026-05-28T20:26:40Z"


def alert(state: str = "reached", *, marked: bool = False) -> Alert:
    attempt = {
        "id": "a1", "carrier": "alpha", "channel": "sms", "state": state, "submitted_at": AT, "receipt_at": AT,
        "possible_duplicate": marked, "repeats": int(marked),
    }  # fmt: skip
    return Alert(
        {"class": "warm", "targets": {"networks": ["N1"]}, "content": {"nl": {"text": TEXT}}},
        {"state": "done", "accepted_at": AT, "expires_at": "2026-05-28T21:26:40Z"},
        [{"member": "M1", "language": "nl", "state": state, "attempts": [attempt]}],
    )


def line(text: str = TEXT, number: str = NUMBER) -> str:
    return f'{{"at": {AT_MS / 1000}, "carrier": "alpha", "channel": "sms", "number": "{number}", "text": "{text}"}}\n'


@pytest.mark.parametrize(
    ("ledger", "marked", "expected"),
    [
        ([line()], False, {}),
        ([], False, {"lost": 1}),
        ([line(), line()], False, {"duplicates": 1}),
        ([line(), line()], True, {}),
        ([line(), line(), line()], True, {"duplicates": 1}),
        ([line("Let op 2.")], False, {"lost": 1, "strays": 1}),
        ([line(), line(number="32470000002")], False, {"strays": 1}),
    ],
    ids=["sound", "lost", "doubled", "doubled as announced", "tripled", "another's text", "a stranger's"],
)
def test_the_audit_of_many_alerts_excuses_only_what_was_marked(
    tmp_path: Path, ledger: list[str], marked: bool, expected: dict[str, int]
) -> None:
    path = tmp_path / "alpha.ledger"
    path.write_text("".join(ledger))
    verdict = audit_all(REGISTER, {"A": alert(marked=marked)}, [path], tmp_path)
    assert expected == {fault: count for fault, count in verdict.faults.items() if count}
    assert (not expected) == verdict.sound
    assert int(marked) == verdict.possible


def test_doubles_are_told_by_the_carrier_that_made_them() -> None:
    """A copy by the same channel; a call that was not heard whole is none."""

    def copy(at_ms: int, carrier: str, channel: str, *, whole: bool = True) -> Copy:
        return Copy(at_ms, carrier, channel, NUMBER, TEXT, whole=whole)

    copies = [
        copy(3, "beta", "sms"),
        copy(1, "alpha", "sms"),
        copy(2, "alpha", "sms"),
        copy(4, "gamma", "tts", whole=False),
        copy(5, "gamma", "tts"),
        copy(6, "gamma", "voice"),
    ]
    assert [Double("alpha", 1), Double("two carriers", 1), Double("gamma", 5)] == find_doubles(copies)


def test_a_double_is_booked_on_the_kill_that_followed_its_first_copy() -> None:
    assert [0, 0, 1, 2, 2] == [next_index(at_ms, [10, 20, 30]) for at_ms in (5, 10, 11, 30, 31)]


def result(doubles: tuple[Double, ...], **faults: int) -> Result:
    hits = tuple(Hit("dispatch", "hand-over: after", signal.SIGKILL, at_ms, 0.7) for at_ms in (10, 20))
    found = {"lost": 0, "duplicates": 0, "altered": 0, "strays": 0} | faults
    return Result(1, hits, 0, 0, Verdict(1, 1, 1, found, 0, 0, len(doubles), (), doubles, {}), 60, 1.0)


@pytest.mark.parametrize(
    ("doubles", "faults", "sound"),
    [
        ((), {}, True),
        ((Double("alpha", 5), Double("alpha", 15)), {}, True),
        ((Double("alpha", 5),) * 3, {}, False),
        ((Double("beta", 5),), {}, False),
        ((), {"lost": 1}, False),
        ((), {"altered": 1}, False),
        ((), {"strays": 1}, False),
    ],
    ids=["nothing", "one a kill", "more than one a kill", "with a key", "lost", "altered", "stray"],
)
def test_the_verdict_is_what_the_design_promises(
    doubles: tuple[Double, ...], faults: dict[str, int], sound: bool
) -> None:
    """0 lost; doubles at most one a kill in the mean, none by the carrier that knows keys."""
    report, found = judge([result(doubles, **faults)])
    assert sound == found == report["sound"]
    assert (2, len(doubles)) == (report["kills"], report["doubled"])
    (row,) = report["points"]
    assert ("hand-over: after", "kill", 2, len(doubles)) == (
        row["point"], row["signal"], row["times"], row["doubled"]
    )  # fmt: skip
