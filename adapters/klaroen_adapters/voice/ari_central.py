"""Calls to the central number at one Asterisk: its channels, sounds, keys and recordings, dialogue by dialogue.

Law: pure; what is said and when is decided by `core.central`. What somebody else must answer comes out as a `Question`
with the channel that waits for it. Once a connection is lost its callers are strangers: the dial plan ends their calls.
"""

from collections.abc import Mapping
from typing import Final, assert_never

from msgspec import Struct

from klaroen.core import central
from klaroen.core.central import CALL_MS_MAX, MESSAGE_S_MAX, Act, Dialogue, Prompt, Verdict
from klaroen.core.model import ClipId, Instant
from klaroen.core.ports import Fault
from klaroen_adapters.voice import ari_wire
from klaroen_adapters.voice.ari_wire import (
    Channel,
    Digit,
    Entered,
    Gone,
    Left,
    Message,
    Played,
    Request,
    Response,
    Taped,
)

ARGUMENT: Final = "central"
"""What the dial plan gives with a caller: Stasis(APPLICATION,central)."""
CALLERS_MAX: Final = 20
"""At once; more are hung up. A zone has a handful of officers on duty."""


class Who(Struct, frozen=True):
    """Is this PIN that of the officer with this number?"""

    channel: Channel
    caller: str
    code: str
    pin: str

    def __repr__(self) -> str:
        return f"Who({self.channel!r})"


class Warn(Struct, frozen=True):
    """Let this officer's members hear this recording."""

    channel: Channel
    officer: str
    recording: str


Question = Who | Warn


class _Caller:
    """One channel and its dialogue."""

    def __init__(self, channel: Channel, number: str, now: Instant) -> None:
        self.channel = channel
        self.number = number
        self.dialogue = Dialogue()
        self.officer = ""
        self.playback = ""
        self.recording = ""
        self.wake_at: Instant | None = None
        self.last_at = Instant(now + CALL_MS_MAX)
        self.sounds = 0


class AriCentral:
    """See the module's law. `take` empties all outboxes; `next_at` says when to `tick`."""

    def __init__(self, app: str, clips: str, prompts: Mapping[Prompt, ClipId] | None) -> None:
        self._app = app
        self._clips = clips
        self._prompts = prompts
        self._callers: dict[Channel, _Caller] = {}
        self._requests: list[Request] = []
        self._questions: list[Question] = []
        self._faults: list[Fault] = []

    @property
    def next_at(self) -> Instant | None:
        return min((min(one.last_at, one.wake_at or one.last_at) for one in self._callers.values()), default=None)

    @property
    def callers_count(self) -> int:
        return len(self._callers)

    def take(self) -> tuple[list[Fault], list[Request], list[Question]]:
        """Return what is to be told, to be asked of Asterisk, and of others, once."""
        taken = (self._faults, self._requests, self._questions)
        self._faults, self._requests, self._questions = [], [], []
        return taken

    def open(self, prompts: Mapping[Prompt, ClipId]) -> None:
        """From now on callers are answered."""
        self._prompts = prompts

    def lost(self) -> None:
        """The connection went: nobody hears these callers any more."""
        self._callers.clear()
        self._requests.clear()
        self._questions.clear()

    # --- what comes -------------------------------------------------------------------------------------------------

    def receive(self, message: Message, now: Instant) -> None:
        """Take what is about no call of ours."""
        match message:
            case Entered(channel, args, number):
                self._enter(channel, args, number, now)
            case Gone(channel) | Left(channel):
                self._forget(channel)
            case Digit(channel, digit):
                if (caller := self._callers.get(channel)) is not None:
                    self._do(caller, caller.dialogue.press(digit), now)
            case Played(playback):
                if (caller := self._by(playback)) is not None and caller.playback == playback:
                    caller.playback = ""
                    self._do(caller, caller.dialogue.said(), now)
            case Taped(recording, seconds):
                self._recorded(recording, seconds, now)
            case Response(name, status):
                self._answer(name, status)

    def identified(self, channel: Channel, verdict: Verdict, officer: str, now: Instant) -> None:
        """The answer to `Who`; the caller may be gone."""
        caller = self._callers.get(channel)
        if caller is not None:
            caller.officer = officer
            self._do(caller, caller.dialogue.identified(verdict), now)

    def sent(self, channel: Channel, now: Instant, *, accepted: bool) -> None:
        """The answer to `Warn`; the caller may be gone."""
        caller = self._callers.get(channel)
        if caller is not None:
            self._do(caller, caller.dialogue.sent(accepted=accepted), now)

    def tick(self, now: Instant) -> None:
        """Do what is due."""
        for caller in list(self._callers.values()):
            if now >= caller.last_at:
                self._hang_up(caller)
            elif caller.wake_at is not None and now >= caller.wake_at:
                caller.wake_at = None
                self._do(caller, caller.dialogue.wake(), now)

    # --- what follows -----------------------------------------------------------------------------------------------

    def _enter(self, channel: Channel, args: tuple[str, ...], number: str, now: Instant) -> None:
        if (
            self._prompts is None
            or args != (ARGUMENT,)
            or len(self._callers) >= CALLERS_MAX
            or channel in self._callers
        ):
            self._faults.append(Fault("a caller who was not taken"))
            self._requests.append(ari_wire.hang_up("stranger", channel))
            return
        caller = self._callers[channel] = _Caller(channel, number, now)
        self._do(caller, caller.dialogue.start(), now)

    def _recorded(self, recording: str, seconds: float | None, now: Instant) -> None:
        caller = self._by(recording)
        if caller is not None and caller.recording == recording:
            self._do(caller, caller.dialogue.recorded(seconds), now)
        elif recording.startswith(f"{self._app}-central."):  # who spoke it is gone
            self._requests.append(ari_wire.forget_recording("forget", recording))

    def _answer(self, name: str, status: int) -> None:
        """A sound or a recording that Asterisk refuses: the caller would wait for ever."""
        what, _, channel = name.partition(" ")
        caller = self._callers.get(channel)
        if caller is None or 200 <= status < 300:
            return
        if what in ("say", "record"):
            self._faults.append(Fault("a prompt that could not be played, or no recording"))
            self._hang_up(caller)

    def _do(self, caller: _Caller, acts: list[Act], now: Instant) -> None:
        if acts:
            caller.wake_at = None
        for act in acts:
            match act:
                case central.Say(prompt):
                    assert self._prompts is not None, "a caller before there is anything to say"
                    self._play(caller, f"sound:{self._clips}/{self._prompts[prompt]}")
                case central.PlayBack():
                    self._play(caller, f"recording:{caller.recording}")
                case central.Stop():
                    self._requests.append(ari_wire.stop_playing("hush", caller.channel, caller.playback))
                    caller.playback = ""
                case central.Record():
                    self._record(caller)
                case central.Wait(ms):
                    caller.wake_at = Instant(now + ms)
                case central.Identify(code, pin):
                    self._questions.append(Who(caller.channel, caller.number, code, pin))
                case central.Send():
                    self._questions.append(Warn(caller.channel, caller.officer, caller.recording))
                    caller.recording = ""  # whoever sends it forgets it
                case central.HangUp():
                    self._hang_up(caller)
                case _:
                    assert_never(act)

    def _play(self, caller: _Caller, media: str) -> None:
        caller.sounds += 1
        caller.playback = f"{self._app}-central.{caller.channel}.{caller.sounds}"
        self._requests.append(ari_wire.play(f"say {caller.channel}", caller.channel, caller.playback, media))

    def _record(self, caller: _Caller) -> None:
        caller.sounds += 1
        recording = f"{self._app}-central.{caller.channel}.{caller.sounds}"
        self._forget_recording(caller)
        caller.recording = recording
        name = f"record {caller.channel}"
        self._requests.append(ari_wire.record(name, caller.channel, recording, MESSAGE_S_MAX))

    def _by(self, name: str) -> _Caller | None:
        """Return whose sound or recording that is."""
        return self._callers.get(name.removeprefix(f"{self._app}-central.").rpartition(".")[0])

    def _hang_up(self, caller: _Caller) -> None:
        self._requests.append(ari_wire.hang_up("bye", caller.channel))
        self._forget(caller.channel)

    def _forget(self, channel: Channel) -> None:
        caller = self._callers.pop(channel, None)
        if caller is not None:
            self._forget_recording(caller)

    def _forget_recording(self, caller: _Caller) -> None:
        if caller.recording:
            self._requests.append(ari_wire.forget_recording("forget", caller.recording))
            caller.recording = ""
