"""Dispatch as the edge sees it: a Unix socket that speaks the frames of `core.frames`, with scripted answers."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from tests.unit.edge import samples

from klaroen.core import calls, frames, mandates, replies, upkeep
from klaroen.core.calls import Alerts, Ask, Greet, Readiness, Seen, Tokens, Told
from klaroen.core.errors import Problem

Script = Callable[[Ask], object]

ANSWERS: Mapping[type, object] = {
    calls.Submit: samples.ACCEPTED,
    calls.FollowUp: samples.ACCEPTED,
    calls.Forecast: samples.FORECAST,
    calls.ShowAlert: samples.STATUS,
    calls.ShowContent: samples.CONTENT,
    calls.ListAlerts: samples.ALERTS,
    calls.CountNetworks: samples.COUNTS,
    calls.ListDeliveries: samples.DELIVERIES,
    calls.ShowDelivery: samples.WHY,
    calls.Act: samples.ACTED,
    calls.ListNetworks: samples.NETWORKS,
    calls.ShowNetwork: samples.NETWORK,
    calls.Evaluate: samples.EVALUATION,
    upkeep.ListMembers: samples.MEMBERS,
    upkeep.CheckMembers: samples.FINDINGS,
    upkeep.PutMember: samples.MEMBER,
    upkeep.RemoveMember: samples.MEMBER,
    mandates.ListGrants: samples.GRANTS,
    mandates.PutGrant: samples.GRANT,
    mandates.WithdrawGrant: samples.GRANT,
    mandates.StopNetwork: samples.HALT,
    mandates.ResumeNetwork: samples.HALT,
    calls.ListCarriers: samples.CARRIERS,
    calls.SwitchCarrier: samples.CARRIER,
    calls.PutReceipts: None,
    calls.PutReplies: None,
    replies.SayFarewell: None,
    replies.ListReplies: samples.REPLIES,
    replies.ListQuiet: samples.QUIET,
    replies.EndQuiet: samples.QUIET,
    calls.PutRecording: samples.RECORDING,
}
SILENCE = object()
"""As an answer: none, until the test gives one."""


class FakeDispatch:
    """Answers each question by `answers`: a view, a Problem, SILENCE, or a function of the Ask that returns one."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.answers: dict[type, Any] = dict(ANSWERS)
        self.tokens = Tokens((samples.token(), samples.token("operator", samples.OPERATOR_SECRET, "operator")))
        self.readiness = Readiness(ready=True, draining=False, words="ready")
        self.open: dict[str, Seen] = {}
        self.asks: list[Ask] = []
        self.writes: list[int] = []
        """How many questions came with each read of a socket."""
        self.greets: list[Greet] = []
        self._pushing: list[asyncio.StreamWriter] = []
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self.socket))

    async def stop(self) -> None:
        """Go away, as a process that is killed does."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        self.socket.unlink(missing_ok=True)
        await asyncio.sleep(0)

    def hang_up(self) -> None:
        """Close the connections, and take new ones."""
        for writer in list(self._connections):
            writer.transport.abort()

    def push(self, message: Tokens | Alerts | Readiness) -> None:
        for writer in self._pushing:
            writer.write(frames.frame(message))

    def show(self, *seen: Seen) -> None:
        """Push alerts as they now stand, and to every later greeting those that are open."""
        for one in seen:
            self.open[one.status.id] = one
        self.push(Alerts(seen))

    def tell(self, ask: Ask, answer: object) -> None:
        self._writers[id(ask)].write(frames.frame(told(ask.number, answer)))

    def asked(self, kind: type) -> list[Any]:
        return [ask.question for ask in self.asks if isinstance(ask.question, kind)]

    def write_raw(self, octets: bytes) -> None:
        for writer in self._pushing:
            writer.write(octets)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        buffer = frames.Frames()
        try:
            while received := await reader.read(1 << 16):
                messages = [frames.read_from_client(body) for body in buffer.feed(received)]
                self.writes.append(sum(isinstance(message, Ask) for message in messages))
                for message in messages:
                    self._take(message, writer)
        except ConnectionError:
            return
        finally:
            self._connections.discard(writer)
            if writer in self._pushing:
                self._pushing.remove(writer)
            writer.close()

    def _take(self, message: Greet | Ask, writer: asyncio.StreamWriter) -> None:
        if isinstance(message, Greet):
            self.greets.append(message)
            if message.pushes:
                self._pushing.append(writer)
                for push in (self.tokens, Alerts(tuple(self.open.values())), self.readiness):
                    writer.write(frames.frame(push))
            return
        self.asks.append(message)
        self._writers[id(message)] = writer
        answer = self.answers[type(message.question)]
        if callable(answer):
            answer = answer(message)
        if answer is not SILENCE:
            self.tell(message, answer)


def told(number: int, answer: object) -> Told:
    if isinstance(answer, Problem):
        return Told(number, problem=answer)
    return Told(number, msgspec.Raw(msgspec.msgpack.encode(answer)))
