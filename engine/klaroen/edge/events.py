"""An alert as a stream of events (SSE): how it stands, then each change, until its end.

Law: each event holds the whole status, so that a slow reader misses states but never the last one; ids grow, over
restarts too, and name what the reader has seen. A stream costs a waiting task and no memory of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from klaroen.core.calls import ShowAlert
from klaroen.core.errors import InputError, Problem
from klaroen.core.model import AlertId, Token
from klaroen.core.views import StatusView
from klaroen.edge.desk import STREAMS_MAX, STREAMS_PER_TOKEN_MAX, Desk
from klaroen.edge.exchange import Call, Reply, Stream
from klaroen.edge.mirror import Glimpse

PING_S: Final = 15.0
"""The contract's: half of what the most impatient proxies allow."""
CHANGE_S: Final = 0.25
"""The contract's: at most four changes a second."""
AGAIN_S: Final = 1.0
"""How soon dispatch is asked again, where it was away."""
MEDIA: Final = b"text/event-stream"
PING: Final = b": ping\n\n"


async def stream_alert(desk: Desk, call: Call) -> Reply | Stream:
    """Stream an alert's status; 204 to a reader that has seen its end, which stops it from coming again."""
    alert = AlertId(call.parameters["id"])
    last = _last_event(call)
    if desk.draining:
        raise InputError("unavailable", "this edge is stopping")
    first = desk.mirror.seen(alert, call.token.name)
    if first is None:
        ended = desk.mirror.ended(alert, call.token.name)
        if ended is not None and last == ended.counter:
            return Reply(204)
        status = await desk.ask(call.token.name, ShowAlert(alert), StatusView)
        first = desk.mirror.told(status, call.token.name)
    _check_room(desk, call.token.name)
    return Stream(_events(desk, call.token, first, last), MEDIA, ((b"x-accel-buffering", b"no"),))


def _last_event(call: Call) -> int | None:
    """An id that is none of ours resumes nothing: the stream starts with a snapshot."""
    header = call.header(b"last-event-id")
    return int(header) if header is not None and header.isascii() and header.isdigit() and len(header) < 20 else None


def _check_room(desk: Desk, token: str) -> None:
    if desk.streams[token] >= STREAMS_PER_TOKEN_MAX:
        words = f"this token has {STREAMS_PER_TOKEN_MAX} streams open already"
    elif desk.streams.total() >= STREAMS_MAX:
        words = f"{STREAMS_MAX} streams are open already"
    else:
        return
    raise InputError.of(Problem("too-many-requests", words, retry_after_s=PING_S))


@contextmanager
def _counted(desk: Desk, token: str) -> Iterator[None]:
    desk.streams[token] += 1
    try:
        yield
    finally:
        desk.streams[token] -= 1
        if not desk.streams[token]:
            del desk.streams[token]


async def _events(desk: Desk, token: Token, first: Glimpse, last: int | None) -> AsyncIterator[bytes]:
    """Yield events and pings until the alert ends, the token does, or the edge stops."""
    loop = asyncio.get_running_loop()
    with _counted(desk, token.name):
        if last is None or last > first.counter:
            yield _event(b"snapshot", first)
        elif last < first.counter:
            yield _event(b"change", first)
        told = first
        ping_at, change_at = loop.time() + PING_S, loop.time() + CHANGE_S
        while not told.final:
            passed = await _passed(told, change_at, ping_at)
            if desk.draining or not _still_valid(desk, token):
                return
            if not passed:
                ping_at += PING_S
                yield PING
                continue
            try:
                told = await _current(desk, token, told)
            except InputError as error:
                if error.problem.name != "unavailable":
                    return  # gone, or no longer this token's to see
                change_at = loop.time() + AGAIN_S
                continue
            change_at = loop.time() + CHANGE_S
            yield _event(b"change", told)


async def _passed(told: Glimpse, change_at: float, ping_at: float) -> bool:
    """Wait until the status has passed, but not before `change_at`; False if a ping is due first."""
    with suppress(TimeoutError):
        async with asyncio.timeout_at(ping_at):
            await told.passed.wait()
            await asyncio.sleep(change_at - asyncio.get_running_loop().time())
            return True
    return False


async def _current(desk: Desk, token: Token, told: Glimpse) -> Glimpse:
    alert = AlertId(told.status.id)
    seen = desk.mirror.seen(alert, token.name) or desk.mirror.ended(alert, token.name)
    if seen is not None:
        return seen
    return desk.mirror.told(await desk.ask(token.name, ShowAlert(alert), StatusView), token.name)


def _still_valid(desk: Desk, token: Token) -> bool:
    known = desk.mirror.tokens.by_name(token.name)
    return known == token and (token.expires_at is None or token.expires_at > desk.now())


def _event(name: bytes, glimpse: Glimpse) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (glimpse.counter, name, glimpse.json)
