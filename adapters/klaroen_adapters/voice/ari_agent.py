"""All calls of one Asterisk, without a socket: what it says goes in, what it is asked and what became of it come out.

Law: pure. `connected` asks which channels stand before anything is begun: those that nobody here knows are hung up, and
calls whose channel is gone have ended. While the connection is away calls that ring or talk go on without us, for
`LOST_MS` from its loss, however often it comes and goes in between.
"""

from collections.abc import Iterable
from typing import Final

from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Event, Fault
from klaroen_adapters.voice import ari_wire
from klaroen_adapters.voice.ari_call import Dial, OneCall, Terms
from klaroen_adapters.voice.ari_wire import (
    Digit,
    Entered,
    Gone,
    Left,
    Message,
    Played,
    Playing,
    Rang,
    Replaced,
    Request,
    Response,
    Taped,
    Up,
)
from klaroen_adapters.voice.sip_timers import Deadlines

LOST_MS: Final = 30_000
"""A connection that is away for so long took its calls with it: Asterisk has restarted, or its machine has."""
ABOUT_CALLS: Final = frozenset({"order", "play", "stop", "ask", "amd", "end"})
"""What requests about a call of ours are named after, before its attempt."""
STANDING: Final = "standing"
"""Names the request for the channels that stand."""


class AriAgent:
    """See the module's law. `take` empties both outboxes; `next_at` says when to `tick`."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.ready = False
        """Connected, and what stood before is settled: calls may be begun."""
        self._calls: dict[AttemptId, OneCall] = {}
        self._deadlines: Deadlines[OneCall] = Deadlines()
        self._lost_at: Instant | None = None
        self._events: list[Event] = []
        self._requests: list[Request] = []

    @property
    def unanswered(self) -> int:
        return sum(not call.answered for call in self._calls.values())

    @property
    def standing(self) -> int:
        """Calls whose line is taken, or may be."""
        return sum(call.accepted or not call.answered for call in self._calls.values())

    @property
    def next_at(self) -> Instant | None:
        if not self.ready:
            return None if self._lost_at is None else Instant(self._lost_at + LOST_MS)
        return self._deadlines.next_at

    def take(self) -> tuple[list[Event], list[Request]]:
        """Return what is to be told and to be asked, once."""
        events, requests = self._events, self._requests
        self._events, self._requests = [], []
        return events, requests

    def dial(self, dial: Dial, now: Instant) -> None:
        """Begin a call. An attempt that is dialled anew while its channel stands goes on as the new call."""
        assert self.ready
        call = OneCall(self.terms, dial, now)
        self._calls[dial.attempt] = call
        self._gather(call)

    # --- the connection -----------------------------------------------------------------------------------------------

    def connected(self) -> None:
        """It stands anew: what else does?"""
        self._requests = [ari_wire.filter_events(self.terms.app), ari_wire.list_channels(STANDING)]

    def lost(self, now: Instant) -> None:
        """It went. Every call without an answer may have been made."""
        self.ready = False
        if self._lost_at is None:
            self._lost_at = now
        for call in list(self._calls.values()):
            call.lost()
            self._gather(call)
        self._requests.clear()

    def abandon(self, now: Instant) -> None:
        """We end: nobody will hear of these calls again."""
        self.lost(now)
        self._vanish(list(self._calls.values()), now)

    def _settle(self, response: Response, now: Instant) -> None:
        """Compare what stands with what we know: once a connection, since calls have been begun afterwards."""
        if self.ready:
            return
        channels = ari_wire.read_channels(response.body) if response.status == 200 else None
        if channels is None:  # whoever connected us waits for `ready` no longer than is sensible
            self._events.append(Fault("channels that cannot be read"))
            return
        ours = {attempt for channel in channels if (attempt := ari_wire.attempt_of(self.terms.app, channel))}
        lost_at = now if self._lost_at is None else self._lost_at
        self.ready, self._lost_at = True, None
        self._vanish([call for call in self._calls.values() if call.attempt not in ours], lost_at)
        for attempt in ours:
            call = self._calls.get(attempt)
            if call is None:
                self._reject(ari_wire.channel_of(self.terms.app, attempt))
            else:
                call.stands(now)
                self._gather(call)

    def _reject(self, channel: ari_wire.Channel) -> None:
        """Hang up a call that nobody here began."""
        self._events.append(Fault("a call that nobody knows, hung up"))
        self._requests.append(ari_wire.hang_up("orphan", channel))

    def _vanish(self, calls: Iterable[OneCall], at: Instant) -> None:
        for call in calls:
            call.vanished(at)
            self._gather(call)

    # --- what comes ---------------------------------------------------------------------------------------------------

    def receive(self, message: Message | Fault | None, now: Instant) -> Message | None:
        """Take one message; return it if it is about a channel that is none of our calls."""
        if message is None:
            return None
        if isinstance(message, Fault):
            self._events.append(message)
            return None
        if isinstance(message, Response):
            return self._answer(message, now)
        if isinstance(message, Replaced):
            self._events.append(Fault("somebody else has connected under our name"))
            return None
        if isinstance(message, Taped):
            return message
        about = message.playback.rpartition(".")[0] if isinstance(message, Playing | Played) else message.channel
        attempt = ari_wire.attempt_of(self.terms.app, about)
        if attempt is None:
            return message
        call = self._calls.get(attempt)
        if call is None:
            if isinstance(message, Entered):
                self._reject(message.channel)
            return None
        self._tell(call, message, now)
        self._gather(call)
        return None

    def _tell(
        self, call: OneCall, message: Rang | Up | Entered | Left | Gone | Digit | Playing | Played, now: Instant
    ) -> None:
        match message:
            case Rang():
                call.rang(now)
            case Up():
                call.up(now)
            case Entered(_, args):
                call.entered(args, now)
            case Gone():
                call.gone(message, now)
            case Digit(_, digit):
                call.pressed(digit, now)
            case Playing(playback):
                call.playing(playback, now)
            case Played(playback, whole):
                call.played(playback, now, whole=whole)

    def _answer(self, response: Response, now: Instant) -> Message | None:
        """An answer to a request: `WHAT ATTEMPT`."""
        what, _, attempt = response.name.partition(" ")
        if response.name == STANDING:
            self._settle(response, now)
            return None
        if what not in ABOUT_CALLS:
            return None if response.name in ("filter", "orphan") else response
        call = self._calls.get(AttemptId(attempt))
        good = 200 <= response.status < 300
        if call is None:
            return None
        match what:
            case "order":
                call.answer_order(response, now)
            case "end" if response.status == 404:
                call.missed(now)
            case "play" | "amd" if not good:
                call.refused(now)
            case "ask" if response.status == 404:
                call.played(call.playback, now, whole=True)
        self._gather(call)
        return None

    # --- what time says -----------------------------------------------------------------------------------------------

    def tick(self, now: Instant) -> None:
        """Do what is due."""
        if not self.ready:
            if self._lost_at is not None and now >= self._lost_at + LOST_MS:
                self._vanish(list(self._calls.values()), self._lost_at)
                self._lost_at = None
            return
        for call in self._deadlines.due(now):
            call.wake(now)
            self._gather(call)

    def _gather(self, call: OneCall) -> None:
        events, requests = call.take()
        self._events += events
        self._requests += requests
        if call.wake_at is None:
            call.due_at = None
        elif call.wake_at != call.due_at:
            self._deadlines.set(call, call.wake_at)
        if call.phase == "over" and self._calls.get(call.attempt) is call:
            del self._calls[call.attempt]
