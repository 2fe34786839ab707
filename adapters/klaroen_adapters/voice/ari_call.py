"""One call by Asterisk, from the order to its end: a state machine.

Law: pure. It says exactly one `Answer`, and, if that was `Accepted`, exactly one `Call(ended)`, the receipts before it;
afterwards it only makes sure that the channel goes. Silence is `Unknown`; a channel that ended without having rung is a
definite no. Human, machine and key are receipts of their own, and a machine that heard all is no proof of arrival.
"""

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from klaroen.core.model import AttemptId, ClipId, Instant
from klaroen.core.phases import CONNECTION_LOST
from klaroen.core.ports import Accepted, Answer, Call, Event, Outcome, Receipt, Script, Unknown
from klaroen_adapters.voice import ari_cause, ari_wire
from klaroen_adapters.voice.ari_talk import Act, HangUp, Play, Proved, Stop, Talk, Wait
from klaroen_adapters.voice.ari_wire import Gone, Request, Response

CANCEL_MS: Final = 1_000
"""Before its deadline a call that has not rung is given up, so that its end is known by then."""
HANG_UP_MS: Final = 3_000
"""A channel that we hung up and that is still there is hung up again."""
HANG_UPS_MAX: Final = 5
CALL_MS_MAX: Final = 1_800_000
"""No call of ours lasts longer: ten plays of the longest message that a text makes, two minutes."""
ENTER_MS_MAX: Final = 45_000
"""From the answer until the channel is ours to play to: detection takes five seconds at most (amd.conf), and the dial
plan may wait half a minute for a machine's greeting to end."""

Phase = Literal["ordered", "ringing", "detecting", "talking", "over"]


class Terms(Struct, frozen=True):
    """One carrier, the same for all of its calls."""

    app: str
    endpoint: str
    """With `{number}` (E.164 with +) or `{digits}` (without)."""
    clips: str
    """The directory of the clips, as Asterisk sees it."""
    caller_id: str = ""
    """For zones without one."""
    amd_context: str | None = None
    """The dial plan's context that tells a machine from a human; None: nobody asks."""


class Dial(Struct, frozen=True):
    """What a call is to be."""

    attempt: AttemptId
    number: str
    script: Script
    clip_ms: int
    deadline_at: Instant
    expires_at: Instant


class OneCall:
    """See the module's law. Requests and events are taken away by `take`."""

    def __init__(self, terms: Terms, dial: Dial, now: Instant) -> None:
        self.attempt = dial.attempt
        self.channel = ari_wire.channel_of(terms.app, dial.attempt)
        self.phase: Phase = "ordered"
        self.wake_at: Instant | None = Instant(max(now, dial.deadline_at - CANCEL_MS))
        self.due_at: Instant | None = None
        """What whoever keeps the time has noted of it."""
        self._terms = terms
        self._dial = dial
        self._begun_at = now
        self._answered_at: Instant | None = None
        self._open = True
        """The answer is due."""
        self._ending = False
        """Accepted, and its end not told."""
        self._cancelled = False
        self._made = False
        """Asterisk has said that it has the channel."""
        self._machine = False
        self._hang_ups = 0
        self._talk: Talk | None = None
        self._playback = ""
        self._playbacks = 0
        self._last_at = now
        """When a talk is ended that does not end."""
        self._events: list[Event] = []
        self._requests: list[Request] = [self._order()]

    @property
    def answered(self) -> bool:
        """The envelope has its answer."""
        return not self._open

    @property
    def accepted(self) -> bool:
        """It rang, and has not ended: the line is taken."""
        return self._ending

    @property
    def playback(self) -> str:
        """What is being played; empty where nothing is."""
        return self._playback

    def take(self) -> tuple[list[Event], list[Request]]:
        """Return what is to be told and to be asked, once."""
        events, requests = self._events, self._requests
        self._events, self._requests = [], []
        return events, requests

    # --- what Asterisk says -------------------------------------------------------------------------------------------

    def answer_order(self, response: Response, now: Instant) -> None:
        """The order was taken, or refused."""
        refused = ari_cause.refusal(response)
        self._made |= refused is None
        if refused is None or not self._open:
            return
        self._settle(refused)
        if isinstance(refused, Unknown):
            self._hang_up(now)
        else:
            self._forget()

    def rang(self, now: Instant) -> None:
        if self.phase != "ordered" or self._cancelled or not self._open:
            return
        self.phase = "ringing"
        self._accept()
        ring_at = now + round(self._dial.script.ring_s * 1000)
        self._wake(min(ring_at, max(now, self._dial.expires_at)))

    def up(self, now: Instant) -> None:
        """Somebody has answered; nothing can be played yet."""
        if self.phase not in ("ordered", "ringing") or not (self._ending or (self._open and not self._cancelled)):
            return
        self._accept()
        self.phase = "detecting"
        self._answered_at = now
        self._events.append(Call(self.attempt, "answered", (now - self._begun_at) / 1000))
        if not self._cancelled:
            self._wake(now + ENTER_MS_MAX)

    def entered(self, args: tuple[str, ...], now: Instant) -> None:
        """The channel is ours to play to: at first, and again after detection."""
        self.up(now)
        if self._cancelled or self.phase != "detecting":
            return
        context = self._terms.amd_context
        detected = args[:1] == ("amd",)
        if context is not None and not detected:
            self._requests.append(ari_wire.into_dial_plan(self._name("amd"), self.channel, context))
            return
        script = self._dial.script
        if detected:
            self._machine = args[1:2] == ("MACHINE",)
            self._tell("buffered", "machine" if self._machine else "human" if args[1:2] == ("HUMAN",) else "not sure")
        if self._machine:
            script = replace(script, plays=1, prompt=None, reply=None)
        self.phase, self._talk = "talking", Talk(script, self._dial.clip_ms)
        self._last_at = Instant(now + CALL_MS_MAX)
        self._do(self._talk.start(), now)

    def playing(self, playback: str, now: Instant) -> None:
        if self._talk is not None and playback == self._playback:
            self._talk.playing(now)

    def played(self, playback: str, now: Instant, *, whole: bool) -> None:
        """What was played is over; what we stopped ourselves is told too, and is no news."""
        if self._talk is not None and playback == self._playback:
            self._playback = ""
            self._do(self._talk.played(now, whole=whole), now)

    def pressed(self, digit: str, now: Instant) -> None:
        if self._talk is not None:
            self._do(self._talk.press(digit, now), now)

    def refused(self, now: Instant) -> None:
        """A request about this call came to nothing: the channel is not ours, or gone, and then we are told."""
        if self.phase in ("detecting", "talking") and not self._hang_ups:
            self._hang_up(now)

    def missed(self, now: Instant) -> None:
        """There is no such channel to hang up: it has ended, unless its order is still on its way."""
        if self._open and not self._made:
            self._settle(Unknown("no answer to its order"))
        self.gone(Gone(self.channel), now)

    def gone(self, end: Gone, now: Instant) -> None:
        """The channel is no more."""
        if self._open:
            self._settle(ari_cause.outcome(end, cancelled=self._cancelled))
        elif self._ending:
            self._end(now, ari_cause.words(end, cancelled=self._cancelled))
        self._forget()

    # --- what time says -----------------------------------------------------------------------------------------------

    def wake(self, now: Instant) -> None:
        """The time has come that `wake_at` named; each way through here names another, or ends the call."""
        if self._hang_ups:
            self._insist(now)
        elif self.phase in ("ordered", "ringing"):
            self._cancel(now)
        elif self._talk is not None and self._talk.part in ("listening", "pausing") and now < self._last_at:
            self._do(self._talk.wake(), now)
        else:  # it was not given to us, or does not end
            self._hang_up(now)

    # --- what becomes of it when the connection goes ------------------------------------------------------------------

    def lost(self) -> None:
        """Nobody hears of the channel for now: what has no answer may ring all the same."""
        if self._open:
            self._settle(Unknown(CONNECTION_LOST))

    def vanished(self, now: Instant) -> None:
        """The channel ended while nobody listened; what had been heard by `now` is all that is known."""
        if self._ending:
            self._end(now, CONNECTION_LOST, CONNECTION_LOST)
        self._forget()

    def stands(self, now: Instant) -> None:
        """The channel is still there. What had its answer without having rung is nobody's any more."""
        if not self._ending:
            self._cancel(now)
        elif self.phase == "detecting":  # it may have been given to us meanwhile; if not, the play is refused
            self.entered(("amd",) if self._terms.amd_context else (), now)
        elif self._playback:
            name = self._name("ask")
            self._requests.append(ari_wire.ask_playback(name, self.channel, self._playback))

    # --- means --------------------------------------------------------------------------------------------------------

    def _order(self) -> Request:
        dial, terms = self._dial, self._terms
        number = dial.number
        endpoint = terms.endpoint.replace("{number}", number).replace("{digits}", number.removeprefix("+"))
        wait_ms = max(0, dial.deadline_at - self._begun_at) + round(dial.script.ring_s * 1000)
        caller_id = dial.script.caller_id or terms.caller_id
        order = ari_wire.Order(dial.attempt, endpoint, caller_id, -(-wait_ms // 1000))
        return ari_wire.originate(self._name("order"), terms.app, order)

    def _name(self, what: str) -> str:
        return f"{what} {self.attempt}"

    def _settle(self, outcome: Outcome) -> None:
        assert self._open
        self._open = False
        self._events.append(Answer(self.attempt, outcome))

    def _accept(self) -> None:
        """The telephone rings."""
        if self._open:
            self._settle(Accepted((self.attempt,)))
            self._ending = True

    def _end(self, now: Instant, unanswered: str, lost: str | None = None) -> None:
        """Tell what the call has come to, once: why nobody answered, or what an answered call proves."""
        self._ending = False
        talked_s = 0.0
        if self._answered_at is None:
            self._tell("failed", unanswered)
        else:
            talked_s = (now - self._answered_at) / 1000
            talk = self._talk or Talk(self._dial.script, self._dial.clip_ms)
            self._prove(talk.end(now, lost))
        self._events.append(Call(self.attempt, "ended", talked_s))

    def _forget(self) -> None:
        self.phase, self.wake_at, self._talk, self._playback = "over", None, None, ""

    def _cancel(self, now: Instant) -> None:
        self._cancelled = True
        self._hang_up(now)

    def _hang_up(self, now: Instant) -> None:
        self._hang_ups += 1
        self._requests.append(ari_wire.hang_up(self._name("end"), self.channel))
        due_at = max(now, self._dial.deadline_at) if self._open else now + HANG_UP_MS
        self._wake(min(now + HANG_UP_MS, due_at))

    def _insist(self, now: Instant) -> None:
        """Hang up again; what cannot be ended counts as ended, so that it holds no line for ever."""
        if self._open and now >= self._dial.deadline_at:
            self._settle(Unknown("no answer in time"))
        if self._hang_ups < HANG_UPS_MAX:
            self._hang_up(now)
        else:
            self.gone(Gone(self.channel), now)

    def _wake(self, at: int) -> None:
        self.wake_at = Instant(at)

    def _tell(self, state: Literal["failed", "network", "reached", "confirmed", "buffered"], words: str) -> None:
        self._events.append(Receipt(state, words, ref=self.attempt, attempt=self.attempt))

    def _prove(self, acts: Iterable[Act]) -> None:
        for act in acts:
            if isinstance(act, Proved):
                at_machine = self._machine and act.state == "reached"
                self._tell("network" if at_machine else act.state, f"machine {act.words}" if at_machine else act.words)

    def _do(self, acts: list[Act], now: Instant) -> None:
        self._prove(acts)
        for act in acts:
            match act:
                case Play(clip):
                    self._play(clip)
                case Stop():
                    self._requests.append(ari_wire.stop_playing(self._name("stop"), self.channel, self._playback))
                    self._playback = ""
                case Wait(ms):
                    self._wake(min(now + ms, self._last_at))
                case HangUp():
                    self._hang_up(now)

    def _play(self, clip: ClipId) -> None:
        self._wake(self._last_at)
        self._playbacks += 1
        self._playback = f"{self.channel}.{self._playbacks}"
        media = f"sound:{self._terms.clips}/{clip}"
        self._requests.append(ari_wire.play(self._name("play"), self.channel, self._playback, media))
