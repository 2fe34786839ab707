"""The driver of carriers that are asked over HTTP for messages, request by request, on trio.

Law: `requests_max` workers, each with one request in flight, are all the concurrency there is. What no worker has
taken is certainly unsent, and is said to be so when the link is down, its deadline has passed or the carrier drains;
what a worker has written gets exactly one answer within the request's own time.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import trio
from msgspec import Struct

from klaroen.core.errors import CarrierDownError
from klaroen.core.model import AttemptId, CarrierName, Content, Instant
from klaroen.core.ports import Answer, Clock, Emit, Envelope, Event, Fault, Outcome, Receipt, Refused, Unsent
from klaroen_adapters.http import NO_CONNECTION_IN_TIME, Reply, exchange, make_client
from klaroen_adapters.http_link import HttpLink
from klaroen_adapters.sms.gateway_rules import Parsed, Request, all_answered
from klaroen_adapters.tcp import Connect


class Wire(Struct, frozen=True):
    """What the driver asks of a carrier's wire."""

    unable: Callable[[Content], str | None]
    """Why the content cannot be carried exactly; None where it can."""
    build: Callable[[Sequence[Envelope], Instant], list[Request]]
    """The requests for these envelopes, which share one content, in their order."""
    parse_answer: Callable[[Sequence[AttemptId], int, Mapping[str, str], bytes, Instant], Parsed]
    """Exactly one answer for each attempt of the request."""


class Terms(Struct, frozen=True):
    """One account: where it is and how much of it may be under way."""

    name: CarrierName
    url: str
    batch_max: int
    requests_max: int
    timeout_s: float


class _Queued(Struct, frozen=True):
    request: Request
    deadline_at: Instant
    """The first among its envelopes."""


class HttpCarrier:
    """One account at one carrier."""

    def __init__(self, terms: Terms, wire: Wire, emit: Emit, clock: Clock, connect: Connect | None = None) -> None:
        self.name: CarrierName = terms.name
        self._terms = terms
        self._wire = wire
        self._emit = emit
        self._clock = clock
        self._client = make_client(connect=connect, connections_max=terms.requests_max)
        self._window = terms.requests_max * terms.batch_max
        self._link = HttpLink(terms.url, self._window, emit, connect)
        # Unbounded by type, bounded by the window, which `hand_over` asserts.
        self._inlet, self._outlet = trio.open_memory_channel[_Queued](math.inf)
        self._unanswered = 0
        self._answered = trio.lowlevel.ParkingLot()
        self._draining = False

    async def run(self) -> None:
        """Work and probe until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(self._terms.requests_max):
                    nursery.start_soon(self._work)
                await self._link.watch()
        finally:
            self._link.up = False
            with trio.CancelScope(shield=True):  # closes at once: nothing in it waits for a peer
                await self._client.aclose()

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        """Queue these for the workers, grouped by content.

        Raises CarrierDownError while the link is down or the carrier drains.
        """
        await trio.lowlevel.checkpoint()  # before anything is queued: a cancelled call has handed over nothing
        if not self._link.up or self._draining:
            raise CarrierDownError(self.name)
        assert self._unanswered + len(envelopes) <= self._window, "more than the pace granted"
        groups: dict[int, list[Envelope]] = {}
        for envelope in envelopes:
            groups.setdefault(id(envelope.content), []).append(envelope)
        now = self._clock.now()
        refused: list[Event] = []
        for group in groups.values():
            unable = self._wire.unable(group[0].content)
            if unable is not None:
                refused += [Answer(envelope.attempt, Refused(unable, "content")) for envelope in group]
                continue
            self._unanswered += len(group)
            deadline_at = min(envelope.deadline_at for envelope in group)
            for request in self._wire.build(group, now):
                self._inlet.send_nowait(_Queued(request, deadline_at))
        if refused:
            await self._emit(refused)

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        """Nothing to do: the edge answers the webhook after the commit."""

    async def drain(self, seconds: float) -> None:
        """Take nothing more, give back what no worker has taken, wait for the rest."""
        self._draining = True
        with trio.move_on_after(seconds):
            while self._unanswered:
                await self._answered.park()

    # --- requests ---------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        async for queued in self._outlet:
            parsed = await self._carry(queued)
            events: list[Event] = list(parsed.answers)
            if parsed.strange_count:
                events.append(Fault("answer to no question", parsed.strange_count))
            await self._emit(events)
            self._unanswered -= len(parsed.answers)
            self._answered.unpark_all()

    async def _carry(self, queued: _Queued) -> Parsed:
        """One request: not written at all, or written once."""
        request = queued.request
        seconds = min(self._terms.timeout_s, (queued.deadline_at - self._clock.now()) / 1000)
        unsent = self._unsent(seconds)
        if unsent is not None:
            return all_answered(request.attempts, unsent)
        reply = await exchange(
            self._client, request.method, request.url, headers=request.headers, body=request.body, seconds=seconds
        )
        if isinstance(reply, Reply):
            await self._link.tell(True, f"http {reply.status}")
            return self._wire.parse_answer(request.attempts, reply.status, reply.headers, reply.body, self._clock.now())
        if isinstance(reply, Unsent) and reply is not NO_CONNECTION_IN_TIME:
            await self._link.tell(False, reply.reason)
        return all_answered(request.attempts, reply)

    def _unsent(self, seconds: float) -> Outcome | None:
        if self._draining:
            return Unsent("draining")
        if not self._link.up:
            return Unsent("down")
        if seconds <= 0:
            return Unsent("deadline passed in the queue")
        return None


def secret(path: str | None) -> str | None:
    """Return what the file holds, less the last line end. Raises OSError."""
    return None if path is None else Path(path).read_text("utf-8").removesuffix("\n").removesuffix("\r")
