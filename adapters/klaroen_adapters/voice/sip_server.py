"""The answering half: what a peer may ask of an agent that takes no calls.

Law: every request but ACK is answered at once and finally, with the same answer however often it is asked. Nothing is
changed for anybody who does not know both tags of a call.
Source: RFC 3261, 8.2, 9.2, 11.2, 12.2.2, 13.3.1.4, 14.2, 17.2.
"""

from typing import Final

from klaroen.core.model import Instant
from klaroen_adapters.voice import sip_sdp
from klaroen_adapters.voice.sip_call import Call, Leg, Served
from klaroen_adapters.voice.sip_calls import Calls
from klaroen_adapters.voice.sip_desk import Desk
from klaroen_adapters.voice.sip_lines import ACCEPT, ALLOW, METHODS
from klaroen_adapters.voice.sip_message import Request
from klaroen_adapters.voice.sip_terms import Address
from klaroen_adapters.voice.sip_timers import T1_MS, T2_MS, TRANSACTION_MS

SERVED_MAX: Final = 20_000
"""Answers that are kept: twice the BYEs that 300 calls a second bring in 32 s. Beyond it they are answered anew."""
_SCHEMES: Final = ("sip", "sips")

Answer = tuple[int, tuple[str, ...], bytes]
"""Status, header lines, body."""

_REPEATED: Final = (200, 488)
"""Of the answers to INVITE those that a call of ours waits for; a stranger may ask again if he misses one."""
_OK: Final[Answer] = (200, (), b"")
_NO_CALL: Final[Answer] = (481, (), b"")
_OUT_OF_ORDER: Final[Answer] = (500, (), b"")


class Server:
    """Server transactions of one agent."""

    def __init__(self, desk: Desk, calls: Calls) -> None:
        self._desk = desk
        self._calls = calls
        self._served: dict[tuple[str | int, ...], Served] = {}
        self._unacknowledged: dict[tuple[str, int], Served] = {}
        """Answers to INVITE, by Call-ID and CSeq."""

    def serve(self, request: Request, source: Address, now: Instant) -> None:
        """Answer one request. An ACK has no answer: it ends the repeats of one."""
        desk, number = self._desk, (request.call_id, request.sequence)
        if request.method == "ACK":
            acknowledged = self._unacknowledged.pop(number, None)
            if acknowledged is not None:
                acknowledged.interval_ms = 0
                desk.deadlines.set(acknowledged, acknowledged.give_up_at)
            return
        key = _key(request, request.method)
        known = self._served.get(key)
        if known is not None:
            desk.outbox.append(known.sent)
            return
        status, extra, body = self._answer(request, now)
        tag = "" if request.to_tag else desk.draw()
        sent = desk.lines.respond(request, source, status, tag, extra, body)
        desk.outbox.append(sent)
        if len(self._served) >= SERVED_MAX:
            return
        served = self._served[key] = Served(key, number, sent, Instant(now + TRANSACTION_MS))
        if request.method == "INVITE" and status in _REPEATED:
            served.interval_ms = T1_MS
            self._unacknowledged[number] = served
        desk.deadlines.set(served, now + (served.interval_ms or TRANSACTION_MS))

    def on_due(self, served: Served, now: Instant) -> None:
        """Forget what nobody asks for any more; repeat an answer to INVITE that has no ACK yet (timer G)."""
        if now >= served.give_up_at:
            del self._served[served.key]
            if served.interval_ms and self._unacknowledged.pop(served.number, None) is not None:
                self._desk.tell("an answer to INVITE without ACK")
            return
        self._desk.outbox.append(served.sent)
        served.interval_ms = min(served.interval_ms * 2, T2_MS)
        self._desk.deadlines.set(served, min(now + served.interval_ms, served.give_up_at))

    def _answer(self, request: Request, now: Instant) -> Answer:
        if request.fault is not None:
            return request.fault[0], (), b""
        if request.method not in METHODS:
            return 405, (ALLOW,), b""
        if request.uri.partition(":")[0].lower() not in _SCHEMES:
            return 416, (), b""
        if "require" in request.headers and request.method != "CANCEL":
            return 420, (f"Unsupported: {', '.join(request.headers['require'])}",), b""
        if request.method == "CANCEL":  # what it would cancel has had its final answer (RFC 3261, 9.2)
            return _OK if _key(request, "INVITE") in self._served else _NO_CALL
        call = self._calls.find(request)
        leg = None if call is None else call.legs.get(request.from_tag)
        if leg is not None:
            if request.sequence < leg.heard:
                return _OUT_OF_ORDER
            leg.heard = request.sequence
        if request.method == "OPTIONS":
            return (200, (ALLOW, ACCEPT), b"") if leg is not None or not request.to_tag else _NO_CALL
        if request.method == "BYE":
            return _OK if call is not None and self._calls.on_bye(call, request, now) else _NO_CALL
        return self._invited(request, call, leg)

    def _invited(self, request: Request, call: Call | None, leg: Leg | None) -> Answer:
        """Answer an INVITE: within a call that goes on, if it leaves everything as it is; a new one we never take."""
        if not request.to_tag:
            return 403, (), b""
        if call is None or call.media is None or leg is None or call.talking is not leg or call.state != "talking":
            return _NO_CALL
        offered, events = sip_sdp.find_sdp(request), call.media.events
        if request.body and not offered:
            return 415, (ACCEPT,), b""
        if offered and not sip_sdp.is_same(call.media, offered):
            return 488, (), b""
        answer = sip_sdp.make_offer(call.local, call.session, sip_sdp.EVENTS if events is None else events)
        return 200, self._desk.lines.answer_lines(), answer.encode()


def _key(request: Request, method: str) -> tuple[str | int, ...]:
    """Return what a request shares with its repeats alone, whether its branch is unique or not (RFC 3261, 17.2.3)."""
    via = request.via
    return via.branch, via.host, via.port, request.call_id, request.from_tag, request.sequence, method
