"""A demonstration shows itself to people on a terminal, to people without one, and to machines."""

import io
import json

import pytest
from rich.console import Console
from tests.unit.bench.test_demo_report import AUDITED, DELIVERIES, MEASURED, STATUS

from klaroen_bench.demo_face import PHASES, Cast, MachineFace, PlainFace, conditions_words, duration, make_face
from klaroen_bench.demo_screen import Bar, ScreenFace
from klaroen_bench.report import make_report
from klaroen_bench.rig import Conditions, Plan, Trunk
from klaroen_bench.sight import Event, Sight, call_counts

CAST = Cast(100_000, 1_059, 1, True, Plan(100_000, 1_059, 1, trunk=Trunk()).view())
CHANNEL = {
    "handed_over": 62_000, "reached": 59_000, "failed": 580, "attempts": 62_580, "p50_ms": 412.0, "p99_ms": 2_310.0,
    "cost_eur": 3_400.0,
}  # fmt: skip
SENDING = STATUS | {"members": 98_603, "reached": 61_349, "handed_over": 3_393, "pending": 31_889, "unreachable": 1_972}
SENDING |= {"channels": {"sms": CHANNEL, "tts": CHANNEL | {"p50_ms": None}, "voice": CHANNEL}}
CARRIERS = [
    {
        "name": name, "kind": kind, "simulated": kind == "sim", "channels": ["sms"], "up": up, "breaker": breaker,
        "window": 1_000, "window_used": 668, "words": "",
    }
    for name, kind, up, breaker in (
        ("alpha", "smpp", False, "open"), ("beta", "smpp", True, "half_open"), ("calls", "sim", True, "closed")
    )
]  # fmt: skip
ACCEPTED = {"members": 98_603, "networks": 1_059, "unreachable": {"count": 1_972}}
EVENTS = [Event(float(at), "fault", f"kill -9 dispatch (pid {at}) " + "and more " * 20) for at in range(60)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def play(face, clock: Clock | None = None) -> None:
    """Show a whole demonstration, up to its verdict."""
    for phase in list(PHASES)[:5]:
        face.phase(phase)
        if clock is not None:
            clock.now += 12.3
    face.start({"sms": 92_000}, ACCEPTED)
    face.see(Sight(1.0, SENDING, CARRIERS, {"alpha": 1, "beta": 2}))
    face.see(Sight(2.5, SENDING, CARRIERS, {"alpha": 10_001, "beta": 2}, calls=call_counts({"ringing": 41, "up": 959})))
    for event in EVENTS:
        face.tell(event)


def report(**faults: object) -> dict[str, object]:
    made = make_report(MEASURED, STATUS, DELIVERIES, AUDITED, {}) | {"restart_to_handover_s": 1.36}
    return made | faults


UNSOUND = {"sound": False, "lost": 2, "offenders": {"lost": ["M000001"], "escalated_after_arrival": ["M000002"]}}


def console(width: int = 80, height: int = 24) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, highlight=False)


def lines_of(face: ScreenFace, console: Console) -> list[str]:
    lines = console.render_lines(face, console.options.update(width=console.width), pad=False)
    return ["".join(segment.text for segment in line) for line in lines]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 50), (132, 24), (200, 60)])
def test_the_screen_fits_its_terminal(width: int, height: int) -> None:
    """From 80 columns and 24 lines on: no line is broken, none is beyond the end, and the last event is seen."""
    clock, terminal = Clock(), console(width, height)
    face = ScreenFace(CAST, terminal, clock)
    play(face, clock)
    lines = lines_of(face, terminal)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "59.00 s" in lines[-1]
    assert not [line for line in lines[:-1] if "…" in line and "kill" not in line]


def test_the_screen_says_what_an_operator_looks_for() -> None:
    """Channels and carriers with their figures; what is simulated is called so; a dead link and a breaker are seen."""
    clock, terminal = Clock(), console()
    face = ScreenFace(CAST, terminal, clock)
    play(face, clock)
    shown = "\n".join(lines_of(face, terminal))
    wanted = ("100,000", "storm", "2.31 s", "412 ms", "668/1,000", "simulated", "link down", "open", "half open")
    assert [] == [words for words in wanted if words not in shown]
    assert "6,667" in shown  # alpha's rate: 10,000 in 1.5 s


def test_a_roomy_screen_says_how_telephones_behave_and_how_calls_stand() -> None:
    """On a small one the conditions stand in the report."""
    for height, said in ((60, True), (24, False)):
        clock, terminal = Clock(), console(height=height)
        face = ScreenFace(CAST, terminal, clock)
        play(face, clock)
        shown = "\n".join(lines_of(face, terminal))
        assert ("1,500 lines, ring 1-4 s, 4% busy, 5% no answer, 60% press 1" in shown) is said
        assert "41 ringing" in shown
        assert "959 talking" in shown


def test_the_screen_starts_with_what_it_knows() -> None:
    """Before the alert there is a header and a phase, nothing else."""
    terminal = console()
    with ScreenFace(CAST, terminal, Clock()) as face:
        assert 5 == len(lines_of(face, terminal))


@pytest.mark.parametrize(("faults", "words"), [({}, "nothing lost"), (UNSOUND, "✘ 2 lost")])
def test_the_screen_ends_with_the_verdict(faults: dict[str, object], words: str, tmp_path) -> None:
    """What was found stands under what was seen, with who is concerned."""
    terminal = console()
    with ScreenFace(CAST, terminal, Clock()) as face:
        play(face)
        face.conclude(report(**faults), tmp_path)
    shown = terminal.file.getvalue()
    assert words in shown
    assert ("M000001" in shown) == bool(faults)
    assert "M000002" not in shown


def test_a_bar_shows_whoever_is_there() -> None:
    """Few are seen too, nobody is not, and more than all does not overflow."""
    few = Bar((("green", 990), ("red", 1)), 1_000).draw(20)
    assert (20, ["green", "red"]) == (few.cell_len, [span.style for span in few.spans][:2])
    none = Bar((("green", 0),), 0).draw(20)
    assert (20, ["grey23"]) == (none.cell_len, [span.style for span in none.spans])
    assert 20 == Bar((("green", 30), ("red", 30)), 10).draw(20).cell_len


def test_without_a_terminal_there_are_plain_lines(tmp_path) -> None:
    """One for each phase and event, at most one a second for progress that there is, the verdict last."""
    out = io.StringIO()
    with PlainFace(CAST, out, Clock()) as face:
        play(face)
        face.see(Sight(2.6, SENDING | {"pending": 0}, CARRIERS, {}))
        face.see(Sight(9.0, SENDING | {"pending": 1}, CARRIERS, {}))
        face.see(Sight(2.7, {}, (), {}))
        face.conclude(report(), tmp_path)
    lines = out.getvalue().splitlines()
    assert 2 == sum("pending" in line for line in lines)
    assert len(EVENTS) == sum("kill -9 dispatch" in line for line in lines)
    assert "nothing lost, nothing doubled, nothing altered" == lines[-1]
    assert str(tmp_path) in lines[-2]
    assert not any("\x1b" in line for line in lines)


def test_plain_lines_name_the_faults() -> None:
    """Each with its count."""
    out = io.StringIO()
    PlainFace(CAST, out, Clock()).conclude(report(**UNSOUND), None)
    assert "NOT SOUND: 2 lost" == out.getvalue().splitlines()[-1]


def test_machines_get_one_object_and_nothing_else() -> None:
    """Whatever happens before."""
    out = io.StringIO()
    with MachineFace(out) as face:
        play(face)
        face.conclude(report(), None)
    assert report() == json.loads(out.getvalue())
    assert 1 == out.getvalue().count("\n")


class Terminal(io.StringIO):
    encoding = "UTF-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("for_machines", "out", "term", "face"),
    [
        (True, Terminal(), "xterm", MachineFace),
        (False, Terminal(), "xterm", ScreenFace),
        (False, Terminal(), "dumb", PlainFace),
        (False, io.StringIO(), "xterm", PlainFace),
    ],
)
def test_the_face_suits_the_output(for_machines, out, term, face, monkeypatch) -> None:
    """--json before all; a live screen only where one can be drawn."""
    monkeypatch.setenv("TERM", term)
    assert face is type(make_face(CAST, for_machines, out))


def test_durations_have_units_that_suit_them() -> None:
    """Milliseconds below a second, and no figure without a unit."""
    assert ["–", "6.6 ms", "412 ms", "2.31 s", "120 s"] == [duration(ms) for ms in (None, 6.59, 412.4, 2_310, 120_000)]


def test_conditions_are_told_whole() -> None:
    """A drain only where there is one."""
    assert "20 ms, 2% no receipt, 1% refused, 1% repeated, 5% late" == conditions_words(Conditions().view())
    assert conditions_words(Conditions(drain_per_s=1_000).view()).endswith(", 1,000 drained a second")
