"""The driver of kind `twilio`: one account's calls or texts on trio.

Law: each envelope is one request, written at most once: the carrier knows no key. A call that was taken is kept until
it has ended, once, whoever says so first: a callback that the edge heard, or the carrier when it is asked because no
callback came. Texts' receipts go from the edge to the store, past this driver.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio
from msgspec import Struct

from klaroen.clips import RATE, ClipStore
from klaroen.core.errors import CarrierDownError, InputError
from klaroen.core.model import AttemptId, CarrierName
from klaroen.core.phases import FORGOTTEN
from klaroen.core.ports import (
    Accepted,
    Answer,
    Call,
    Clock,
    Emit,
    Envelope,
    Event,
    Fault,
    Outcome,
    Receipt,
    Refused,
    Unsent,
)
from klaroen.settings import Twilio
from klaroen_adapters.http import NO_CONNECTION_IN_TIME, Reply, exchange, make_client
from klaroen_adapters.http_link import HttpLink
from klaroen_adapters.tcp import Connect
from klaroen_adapters.voice import twilio_callback, twilio_wire
from klaroen_adapters.voice.twilio_mark import CALL_S_MAX, Account, Mark, mark_of

WATCH_S: Final = 1.0
"""How often calls are looked at that nothing was heard of."""
PATIENCE_S: Final = 10.0
"""Beyond the ring time, and between two questions: a callback that comes at all comes within seconds."""
OVER_MAX: Final = 20_000
"""Calls that have ended and are known as such: those of five hours at one a second."""
TALK_S: Final = 60.0
"""After the answer nothing is heard until the end: two plays of a message take so long."""


class _Standing(Struct):
    """One call that the carrier has taken, or may have."""

    mark: Mark
    handed_at: float
    ask_at: float
    sid: str | None = None
    """None until the answer to our request."""
    answered: bool = False
    heard: list[Call] = []
    """What was told of it before that answer."""


class TwilioCarrier:
    """One account, for calls or for texts."""

    def __init__(
        self,
        settings: Twilio,
        account: Account,
        emit: Emit,
        clock: Clock,
        clips: ClipStore | None = None,
        connect: Connect | None = None,
    ) -> None:
        self.name: CarrierName = settings.name
        self._settings = settings
        self._account = account
        self._emit = emit
        self._clock = clock
        self._clips = clips
        self._client = make_client(connect=connect, connections_max=settings.requests_max)
        self._link = HttpLink(account.url, settings.requests_max, emit, connect)
        self._nursery: trio.Nursery | None = None
        self._connect = connect
        self._unanswered = 0
        self._calls: dict[AttemptId, _Standing] = {}
        self._over: dict[AttemptId, None] = {}
        """Calls of this process that are over or never were: a callback may come again."""
        self._changed = trio.lowlevel.ParkingLot()
        self._draining = False

    async def run(self) -> None:
        """Watch the door and the calls until cancelled."""
        try:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._watch_calls)
                await self._link.watch()
        finally:
            self._link.up, self._nursery, self._unanswered = False, None, 0
            self._calls = {attempt: one for attempt, one in self._calls.items() if one.sid is not None}
            client = self._client
            self._client = make_client(connect=self._connect, connections_max=self._settings.requests_max)
            with trio.CancelScope(shield=True):  # closes at once: nothing in it waits for a peer
                await client.aclose()

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        """Begin a request for each of these.

        Raises CarrierDownError while the link is down or the carrier drains.
        """
        await trio.lowlevel.checkpoint()  # before anything is begun: a cancelled call has handed over nothing
        if not self._link.up or self._draining or self._nursery is None:
            raise CarrierDownError(self.name)
        self._unanswered += len(envelopes)
        assert self._unanswered <= self._settings.requests_max, "more than the pace granted"
        for envelope in envelopes:
            self._nursery.start_soon(self._carry, envelope)

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        """Nothing to do: the edge answers callbacks after the commit, and who asks again gets the same again."""

    async def drain(self, seconds: float) -> None:
        """Take nothing more; wait for the answers that are due, and for the calls that stand."""
        self._draining = True
        with trio.move_on_after(seconds):
            while self._unanswered or self._calls:
                await self._changed.park()

    # --- requests ---------------------------------------------------------------------------------------------------

    async def _carry(self, envelope: Envelope) -> None:
        """One request, written at most once, and the one answer."""
        script = envelope.script
        if script is not None:
            now = trio.current_time()
            standing = _Standing(mark_of(envelope), now, now + script.ring_s + PATIENCE_S)
            self._calls[envelope.attempt] = standing
        outcome = await self._ask(envelope)
        events: list[Event] = [Answer(envelope.attempt, outcome)]
        if script is not None:
            events += self._take(envelope.attempt, outcome)
        await self._emit(events)
        self._unanswered -= 1
        self._changed.unpark_all()

    async def _ask(self, envelope: Envelope) -> Outcome:
        try:
            request = twilio_wire.build(self._account, envelope, self._clock.now())
        except UnicodeEncodeError:
            return Refused("not encodable", "content")
        if isinstance(request, Refused):
            return request
        seconds = min(self._settings.timeout_s, (envelope.deadline_at - self._clock.now()) / 1000)
        if seconds <= 0:
            return Unsent("deadline passed")
        reply = await self._exchange(request, seconds)
        if isinstance(reply, Reply):
            return twilio_wire.read_outcome(reply.status, reply.headers, reply.body, self._clock.now())
        return reply

    async def _exchange(self, request: twilio_wire.Request, seconds: float) -> Reply | Outcome:
        reply = await exchange(
            self._client, request.method, request.url, headers=request.headers, body=request.body, seconds=seconds
        )
        if isinstance(reply, Reply):
            await self._link.tell(True, f"http {reply.status}")
        elif isinstance(reply, Unsent) and reply is not NO_CONNECTION_IN_TIME:
            await self._link.tell(False, reply.reason)
        return reply

    # --- calls ------------------------------------------------------------------------------------------------------

    async def hear(self, calls: Sequence[Call]) -> None:
        """Emit what is news of calls that stand."""
        events: list[Event] = []
        for call in calls:
            standing = self._calls.get(call.attempt)
            if standing is None:
                events += self._end_of_before(call)
                continue
            if standing.sid is None:
                standing.heard.append(call)
            else:
                events += self._follow(standing, call)
        if events:
            await self._emit(events)
            self._changed.unpark_all()

    def _end_of_before(self, call: Call) -> list[Event]:
        """A call that was begun before our last start has ended: its line is free, once."""
        if call.phase != "ended" or call.attempt in self._over:
            return []
        self._remember(call.attempt)
        return [call]

    def _remember(self, attempt: AttemptId) -> None:
        self._over[attempt] = None
        if len(self._over) > OVER_MAX:
            del self._over[next(iter(self._over))]

    def _take(self, attempt: AttemptId, outcome: Outcome) -> list[Event]:
        """The answer to our request has come: the call stands, or it does not."""
        standing = self._calls[attempt]
        if not isinstance(outcome, Accepted):
            del self._calls[attempt]
            self._remember(attempt)
            return []
        (standing.sid,) = outcome.refs
        heard, standing.heard = standing.heard, []
        return [event for call in heard for event in self._follow(standing, call)]

    def _follow(self, standing: _Standing, call: Call) -> list[Event]:
        """Return what is news; a call ends once."""
        now = trio.current_time()
        if call.attempt not in self._calls:
            return []
        if call.phase == "ended":
            del self._calls[call.attempt]
            self._remember(call.attempt)
            return [call]
        if standing.answered:
            return []
        standing.answered, standing.ask_at = True, now + TALK_S
        return [Call(call.attempt, "answered", now - standing.handed_at)]

    async def _watch_calls(self) -> None:
        """Ask the carrier how those stand of which nothing was heard for too long."""
        while True:
            await trio.sleep(WATCH_S)
            now = trio.current_time()
            for standing in [one for one in self._calls.values() if one.sid is not None and now >= one.ask_at]:
                standing.ask_at = now + PATIENCE_S
                await self._look_at(standing)

    async def _look_at(self, standing: _Standing) -> None:
        assert standing.sid is not None
        request = twilio_wire.ask_call(self._account, standing.sid)
        reply = await self._exchange(request, self._settings.timeout_s)
        found = twilio_wire.read_standing(reply.status, reply.body) if isinstance(reply, Reply) else None
        events: list[Event] = [Fault("no word of a call in time")]
        if found is not None:
            events += self._learn(standing, found)
        if trio.current_time() - standing.handed_at > CALL_S_MAX + PATIENCE_S:  # the carrier itself ends calls before
            attempt = standing.mark.attempt
            events += [Receipt("failed", FORGOTTEN, ref=standing.sid, attempt=attempt)]
            events += self._follow(standing, Call(attempt, "ended", 0.0))
        await self._emit(events)
        self._changed.unpark_all()

    def _learn(self, standing: _Standing, found: twilio_wire.Standing) -> list[Event]:
        """What the carrier says when asked counts as what it would have said unasked."""
        assert standing.sid is not None
        clip_s = self._length_s(standing.mark)
        try:
            heard = twilio_callback.hear_call(standing.mark, standing.sid, found, clip_s)
        except InputError:
            return [Fault("a call's status that is none")]
        if standing.mark.attempt not in self._calls or not heard.calls:
            return []
        return [*heard.receipts, *(event for call in heard.calls for event in self._follow(standing, call))]

    def _length_s(self, mark: Mark) -> float:
        """How long the clip is; 0 where nobody can tell any more."""
        if self._clips is None or mark.clip is None:
            return 0.0
        path = self._clips.path(mark.clip)
        return path.stat().st_size / RATE if path.exists() else 0.0


def build(settings: Twilio, emit: Emit, clock: Clock) -> TwilioCarrier:
    """Return the carrier with its secret read; the configuration loader has filled `public_url`.

    Raises OSError for a secret's file that cannot be read.
    """
    return TwilioCarrier(settings, account_of(settings), emit, clock)


def account_of(settings: Twilio) -> Account:
    """Raises OSError for a secret's file that cannot be read."""
    token = Path(settings.token_file).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    base = None if settings.public_url is None else settings.public_url.rstrip("/")
    return Account(settings.name, settings.url, settings.account, token, base, settings.sender)
