"""What we ask besides calls: BYE, CANCEL and OPTIONS, each until it has its answer or nobody answers.

Law: one end to each, told to `closed` with the final answer or None. Over TCP nothing is repeated. What is answered is
forgotten at once: whoever answers twice answers to nothing. Source: RFC 3261, 17.1.2, timers E and F; 22.2.
"""

from collections.abc import Callable

from klaroen.core.model import Instant
from klaroen_adapters.voice.sip_call import Ask
from klaroen_adapters.voice.sip_desk import Desk
from klaroen_adapters.voice.sip_message import Response
from klaroen_adapters.voice.sip_timers import T1_MS, T2_MS

Closed = Callable[[Ask, Response | None, Instant], None]


class Asks:
    """Client transactions other than INVITE."""

    def __init__(self, desk: Desk, closed: Closed) -> None:
        self._desk = desk
        self._closed = closed
        self._asks: dict[tuple[str, str], Ask] = {}

    def send(self, ask: Ask, now: Instant) -> None:
        self._asks[ask.branch, ask.method] = ask
        self._desk.outbox.append(ask.sent)
        first = now + T1_MS if self._desk.repeats else ask.give_up_at
        self._desk.deadlines.set(ask, min(first, ask.give_up_at))

    def send_again(self) -> None:
        """Ask all of it once more, on a new connection."""
        self._desk.outbox += [ask.sent for ask in self._asks.values()]

    def on_due(self, ask: Ask, now: Instant) -> None:
        if now >= ask.give_up_at:
            del self._asks[ask.branch, ask.method]
            self._closed(ask, None, now)
            return
        self._desk.outbox.append(ask.sent)
        ask.interval_ms = min(ask.interval_ms * 2, T2_MS)
        self._desk.deadlines.set(ask, min(now + ask.interval_ms, ask.give_up_at))

    def on_response(self, response: Response, now: Instant) -> None:
        ask = self._asks.get((response.via.branch, response.method))
        if ask is None:
            return
        if response.status < 200:
            ask.interval_ms = T2_MS  # the peer has it, and is asked now and then
            return
        del self._asks[ask.branch, ask.method]
        ask.due_at = None
        self._closed(ask, response, now)
