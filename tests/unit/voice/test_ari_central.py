"""Callers to the central number at an Asterisk: sounds, keys, recordings, and what is left behind."""

import pytest

from klaroen.core.central import CALL_MS_MAX, ENTRY_MS, PROMPTS
from klaroen.core.model import ClipId, Instant
from klaroen.core.ports import Fault
from klaroen_adapters.voice.ari_central import CALLERS_MAX, AriCentral, Question, Warn, Who
from klaroen_adapters.voice.ari_wire import (
    Digit,
    Entered,
    Gone,
    Left,
    Message,
    Played,
    Playing,
    Request,
    Response,
    Taped,
    fetch_recording,
)

NOW = Instant(1_795_302_930_000)
CHANNEL = "1795302930.7"
CALLER = "+32470000001"
PREFIX = f"app-central.{CHANNEL}"
STRANGER = Fault("a caller who was not taken")


class World:
    """The central number at one Asterisk, and what it asks."""

    def __init__(self, *, spoken: bool = True) -> None:
        self.desk = AriCentral("app", "/clips", None)
        if spoken:
            self.desk.open({prompt: ClipId(prompt) for prompt in PROMPTS})
        self.now = NOW
        self.faults: list[Fault] = []
        self.asked: list[Request] = []
        self.questions: list[Question] = []
        self.sound = 0

    def hear(self, *messages: Message) -> list[str]:
        """What these made it ask, as words."""
        before = len(self.asked)
        for message in messages:
            self.desk.receive(message, self.now)
        return self.told(before)

    def told(self, before: int) -> list[str]:
        faults, requests, questions = self.desk.take()
        self.faults += faults
        self.asked += requests
        self.questions += questions
        return [words(request) for request in self.asked[before:]]

    def after(self, ms: int) -> list[str]:
        """Let time pass, and return what it asked."""
        before, until = len(self.asked), self.now + ms
        while (at := self.desk.next_at) is not None and at <= until:
            self.now = max(self.now, at)
            self.desk.tick(self.now)
            self.told(before)
        self.now = Instant(until)
        return self.told(before)

    def heard(self) -> list[str]:
        """What is being played is over."""
        play = next(one for one in reversed(self.asked) if "/play/" in one.path)
        return self.hear(Played(play.path.rpartition("/")[2], True))

    def keys(self, keys: str) -> list[str]:
        return [asked for key in keys for asked in self.hear(Digit(CHANNEL, key))]

    def come(self) -> list[str]:
        return self.hear(Entered(CHANNEL, ("central",), CALLER))

    def known(self) -> None:
        """A caller who is an officer, and who is asked to speak."""
        self.come()
        self.keys("4711#")
        self.keys("123456#")
        self.desk.identified(CHANNEL, "known", "O1", self.now)
        self.told(len(self.asked))

    def recording(self) -> str:
        """One who speaks; return the recording's name."""
        self.known()
        self.heard()
        (record,) = self.heard()
        assert f"POST channels/{CHANNEL}/record" == record
        return dict(self.asked[-1].query)["name"]


def words(request: Request) -> str:
    media = dict(request.query).get("media", "")
    return f"{request.method} {request.path}" + (f" {media}" if media else "")


def test_R19_from_the_first_prompt_to_the_warning() -> None:
    """Prompts from the clips, the recording by its name, and who spoke it."""
    world = World()
    assert [f"POST channels/{CHANNEL}/play/{PREFIX}.1 sound:/clips/code"] == world.come()
    assert [] == world.heard()
    assert [] == world.keys("4711")
    assert [f"POST channels/{CHANNEL}/play/{PREFIX}.2 sound:/clips/pin"] == world.keys("#")
    assert [f"DELETE playbacks/{PREFIX}.2"] == world.keys("1")
    assert [] == world.hear(Played(f"{PREFIX}.2", False))
    world.keys("23456#")
    assert [Who(CHANNEL, CALLER, "4711", "123456")] == world.questions
    assert "123456" not in repr(world.questions)
    world.desk.identified(CHANNEL, "known", "O1", world.now)
    assert [f"POST channels/{CHANNEL}/play/{PREFIX}.3 sound:/clips/speak"] == world.told(len(world.asked))
    assert [f"POST channels/{CHANNEL}/play/{PREFIX}.4 sound:/clips/tone"] == world.heard()
    assert [f"POST channels/{CHANNEL}/record"] == world.heard()
    query = dict(world.asked[-1].query)
    expected = {"name": f"{PREFIX}.5", "format": "alaw", "maxDurationSeconds": "60", "ifExists": "overwrite"}
    assert expected | {"terminateOn": "#"} == query
    assert [f"POST channels/{CHANNEL}/play/{PREFIX}.6 sound:/clips/yours"] == world.hear(Taped(f"{PREFIX}.5", 8.0))
    assert [f"POST channels/{CHANNEL}/play/{PREFIX}.7 recording:{PREFIX}.5"] == world.heard()
    world.heard()
    assert [] == world.keys("7")
    assert [f"DELETE playbacks/{PREFIX}.8"] == world.keys("1")
    assert Warn(CHANNEL, "O1", f"{PREFIX}.5") == world.questions[-1]
    world.desk.sent(CHANNEL, world.now, accepted=True)
    assert [f"POST channels/{CHANNEL}/play/{PREFIX}.9 sound:/clips/sent"] == world.told(len(world.asked))
    assert [f"DELETE channels/{CHANNEL}"] == world.heard()
    assert 0 == world.desk.callers_count
    assert [] == world.faults
    assert "recordings/stored/x/file" == fetch_recording("fetch", "x").path


@pytest.mark.parametrize("end", [Gone(CHANNEL, 16), Left(CHANNEL)])
def test_who_hangs_up_sends_nothing_and_leaves_no_recording(end: Message) -> None:
    world = World()
    name = world.recording()
    world.hear(Taped(name, 5.0))
    assert [f"DELETE recordings/stored/{name}"] == world.hear(end)
    assert [] == world.hear(end)
    assert [] == world.after(CALL_MS_MAX)
    assert not [one for one in world.questions if isinstance(one, Warn)]


def test_a_recording_that_ends_with_its_call_is_forgotten_too() -> None:
    world = World()
    name = world.recording()
    world.hear(Gone(CHANNEL, 16))
    assert [f"DELETE recordings/stored/{name}"] == world.hear(Taped(name, 5.0))
    assert [] == world.hear(Taped("somebody-else", 5.0))


def test_who_confirmed_may_hang_up() -> None:
    """What is being sent is not forgotten under the sender's hands, and its answer finds nobody."""
    world = World()
    world.hear(Taped(world.recording(), 5.0))
    world.heard()
    world.heard()
    world.keys("1")
    assert [] == world.hear(Gone(CHANNEL, 16))
    world.desk.sent(CHANNEL, world.now, accepted=True)
    world.desk.identified(CHANNEL, "known", "O1", world.now)
    assert [] == world.told(len(world.asked))


def test_speaking_anew_forgets_what_was_spoken() -> None:
    world = World()
    name = world.recording()
    world.hear(Taped(name, 5.0))
    world.keys("2")
    world.heard()
    again = world.heard()
    assert [f"DELETE recordings/stored/{name}", f"POST channels/{CHANNEL}/record"] == again


def test_questions_wait_and_calls_end() -> None:
    """Nobody is on the line for ever, not even who waits for an answer of ours."""
    world = World()
    world.come()
    world.heard()
    world.hear(Entered("other.1", ("central",)))
    assert [] == world.after(ENTRY_MS - 1)
    assert [f"POST channels/{CHANNEL}/play/{PREFIX}.2 sound:/clips/code"] == world.after(1)
    waiting = World()
    waiting.come()
    waiting.keys("4711#1#")
    assert [f"DELETE channels/{CHANNEL}"] == waiting.after(CALL_MS_MAX)
    assert waiting.desk.next_at is None


@pytest.mark.parametrize("what", ["say", "record"])
def test_a_caller_to_whom_nothing_can_be_said_is_hung_up(what: str) -> None:
    world = World()
    world.come()
    assert [] == world.hear(Response(f"{what} {CHANNEL}", 201))
    assert [f"DELETE channels/{CHANNEL}"] == world.hear(Response(f"{what} {CHANNEL}", 404))
    assert [Fault("a prompt that could not be played, or no recording")] == world.faults
    assert [] == world.hear(Response(f"{what} {CHANNEL}", 404))


def test_other_refusals_end_nothing() -> None:
    world = World()
    world.come()
    assert [] == world.hear(Response("hush", 404), Response(f"bye {CHANNEL}", 404))


@pytest.mark.parametrize("args", [(), ("amd", "HUMAN"), ("central", "x")])
def test_who_comes_from_elsewhere_is_hung_up(args: tuple[str, ...]) -> None:
    world = World()
    assert [f"DELETE channels/{CHANNEL}"] == world.hear(Entered(CHANNEL, args))
    assert [STRANGER] == world.faults


def test_nobody_is_answered_before_there_is_something_to_say() -> None:
    world = World(spoken=False)
    assert [f"DELETE channels/{CHANNEL}"] == world.come()


def test_callers_are_bounded_and_none_comes_twice() -> None:
    world = World()
    world.come()
    assert [f"DELETE channels/{CHANNEL}"] == world.come()
    for index in range(CALLERS_MAX - 1):
        world.hear(Entered(f"other.{index}", ("central",)))
    assert ["DELETE channels/one.more"] == world.hear(Entered("one.more", ("central",)))
    assert CALLERS_MAX == world.desk.callers_count


def test_what_is_said_of_nobody_is_nothing() -> None:
    world = World()
    nothing = (Digit("x", "1"), Played("app-central.x.1", True), Playing("y"), Played(f"{PREFIX}.1", True))
    assert [] == world.hear(*nothing)
    world.come()
    assert [] == world.hear(Played(f"{PREFIX}.9", True), Taped(f"{PREFIX}.9", None))[:0]


def test_a_lost_connection_loses_its_callers() -> None:
    """They are strangers when it is back: the dial plan ends their calls."""
    world = World()
    world.come()
    world.desk.lost()
    assert ([], 0) == (world.keys("4711#"), world.desk.callers_count)
