"""The driver of kind `sms_http`: a gateway's profile on trio.

Law: `requests_max` workers, each with one request in flight, are all the concurrency there is. What no worker has
taken is certainly unsent, and is said to be so when the link is down, its deadline has passed or the carrier drains;
what a worker has written gets exactly one answer within the request's own time.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import trio
from msgspec import Struct

from klaroen.core.errors import CarrierDownError
from klaroen.core.model import CarrierName, Instant
from klaroen.core.ports import Answer, Clock, Emit, Envelope, Event, Fault, Outcome, Receipt, Refused, Unsent
from klaroen.settings import SmsHttp
from klaroen_adapters.http import NO_CONNECTION_IN_TIME, Reply, exchange, make_client
from klaroen_adapters.http_link import HttpLink
from klaroen_adapters.sms import gateway
from klaroen_adapters.tcp import Connect


class _Queued(Struct, frozen=True):
    request: gateway.Request
    deadline_at: Instant
    """The first among its envelopes."""


class SmsHttpCarrier:
    """One account at one HTTP gateway."""

    def __init__(
        self, settings: SmsHttp, account: gateway.Account, emit: Emit, clock: Clock, connect: Connect | None = None
    ) -> None:
        self.name: CarrierName = settings.name
        self._settings = settings
        self._account = account
        self._emit = emit
        self._clock = clock
        self._client = make_client(connect=connect, connections_max=settings.requests_max)
        self._window = settings.requests_max * settings.batch_max
        self._link = HttpLink(account.url, self._window, emit, connect)
        # Unbounded by type, bounded by the window, which `hand_over` asserts.
        self._inlet, self._outlet = trio.open_memory_channel[_Queued](math.inf)
        self._unanswered = 0
        self._answered = trio.lowlevel.ParkingLot()
        self._draining = False

    async def run(self) -> None:
        """Work and probe until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(self._settings.requests_max):
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
            try:
                requests = gateway.build_requests(
                    self._settings.profile, self._account, group, self._settings.batch_max, now
                )
            except UnicodeEncodeError:
                refused += [Answer(envelope.attempt, Refused("not encodable", "content")) for envelope in group]
                continue
            self._unanswered += len(group)
            deadline_at = min(envelope.deadline_at for envelope in group)
            for request in requests:
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

    async def _carry(self, queued: _Queued) -> gateway.Parsed:
        """One request: not written at all, or written once."""
        request = queued.request
        seconds = min(self._settings.timeout_s, (queued.deadline_at - self._clock.now()) / 1000)
        unsent = self._unsent(seconds)
        if unsent is not None:
            return gateway.all_answered(request.attempts, unsent)
        reply = await exchange(
            self._client, request.method, request.url, headers=request.headers, body=request.body, seconds=seconds
        )
        if isinstance(reply, Reply):
            await self._link.tell(True, f"http {reply.status}")
            return gateway.parse_answer(
                self._settings.profile, request.attempts, reply.status, reply.headers, reply.body, self._clock.now()
            )
        if isinstance(reply, Unsent) and reply is not NO_CONNECTION_IN_TIME:
            await self._link.tell(False, reply.reason)
        return gateway.all_answered(request.attempts, reply)

    def _unsent(self, seconds: float) -> Outcome | None:
        if self._draining:
            return Unsent("draining")
        if not self._link.up:
            return Unsent("down")
        if seconds <= 0:
            return Unsent("deadline passed in the queue")
        return None


def build(settings: SmsHttp, emit: Emit, clock: Clock) -> SmsHttpCarrier:
    """Return the carrier with its secrets read; the configuration loader has filled `receipt_url`.

    Raises OSError for a secret's file that cannot be read.
    """
    secret = _secret(settings.receipt_secret_file)
    account = gateway.Account(
        settings.url,
        settings.sender,
        _secret(settings.token_file),
        settings.user,
        settings.receipt_url,
        None if secret is None else secret.encode(),
    )
    return SmsHttpCarrier(settings, account, emit, clock)


def _secret(path: str | None) -> str | None:
    """What the file holds, less the last line end."""
    return None if path is None else Path(path).read_text("utf-8").removesuffix("\n").removesuffix("\r")
