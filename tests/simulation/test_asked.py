"""What was asked is done, whatever becomes of who asked: the disk has it, and so must dispatch."""

import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from hashlib import sha256
from typing import Any

import trio
from tests.simulation.audit import audit
from tests.simulation.world import TEXT_ONLY, network

from klaroen.core.calls import (
    Ask,
    CreateToken,
    FromDispatch,
    Greet,
    PutReceipts,
    Question,
    RevokeToken,
    Tokens,
    Told,
)
from klaroen.core.frames import Frames, frame, read_from_dispatch
from klaroen.core.model import Instant, Token
from klaroen.core.ports import Receipt
from klaroen.core.views import AcceptedView
from klaroen.dispatch.socket import Counter
from klaroen.testing.deeds import SILENT, UNPROVED
from klaroen.testing.far_end import FarEnd
from klaroen.testing.world import World


class Late:
    """A writer whose answers come late: what it has written stands."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.written = trio.Event()
        self.answers = trio.Event()

    async def write(self, method: Callable[..., Any], *args: Any, urgent: bool = False) -> Any:
        result = await self.inner.write(method, *args, urgent=urgent)
        self.written.set()
        await self.answers.wait()
        return result


async def ask_and_go(world: World, answering: trio.Nursery, principal: str | None, question: Question) -> None:
    """Ask over a socket, and be gone between the commit and its answer."""
    ours, theirs = (trio.SocketStream(one) for one in trio.socket.socketpair(socket.AF_UNIX))
    counter = Counter(world.desk)

    async def serve() -> None:
        async with theirs:
            await counter._serve_client(answering, theirs)

    answering.start_soon(serve)
    late = world.desk.writer = Late(world.desk.writer)
    await ours.send_all(frame(Greet("edge", pushes=True)) + frame(Ask(1, principal, question)))
    await late.written.wait()
    await ours.aclose()
    await world.until(lambda: not counter._clients)
    world.desk.writer = late.inner
    late.answers.set()


async def test_an_alert_whose_client_dies_before_its_answer_is_sent(autojump_clock, world_of) -> None:
    """It is on the disk, and who posts it again is told that it is accepted: then it must leave, too."""
    world = world_of(FarEnd("alpha"), networks=[network(1, TEXT_ONLY)], members=5)
    question = world.submit()
    async with world.running(), trio.open_nursery() as nursery:
        await ask_and_go(world, nursery, "police", question)
        sent = await world.ask(question, AcceptedView)
        assert 5 == (await world.over(sent.id)).reached
        audit(world, sent.id)
        nursery.cancel_scope.cancel()


async def test_receipts_whose_client_dies_before_its_answer_count(autojump_clock, world_of) -> None:
    """They are in the inbox, and are drained from it without a restart."""
    world = world_of(FarEnd("alpha", UNPROVED), networks=[network(1, TEXT_ONLY)], members=1)
    async with world.running(), trio.open_nursery() as nursery:
        sent = await world.send()
        await world.until(lambda: 1 == len(world.handed) and not world.desk.stations["alpha"].in_flight)
        receipts = PutReceipts("alpha", (Receipt("reached", "", ref="alpha-1-0"),))
        await ask_and_go(world, nursery, None, receipts)
        assert 1 == (await world.over(sent.id)).reached
        nursery.cancel_scope.cancel()


async def test_the_end_of_an_alert_is_told_also_where_it_falls_between_a_look_and_its_telling(
    autojump_clock, world_of, monkeypatch
) -> None:
    """Seen sending, it closes before that is out: it is told once more, or an edge shows it sending for ever."""
    look, states = Counter._seen, []

    def seen(self: Counter, opened: Any, backlog: Any) -> Any:
        found = look(self, opened, backlog)
        states.append(found.status.state)
        if opened.state == "sending":
            opened.state, opened.closed = "done", True
            self._desk.changed.add(opened.alert.id)
        return found

    monkeypatch.setattr(Counter, "_seen", seen)
    async with world_of(FarEnd("alpha", SILENT), members=5, calls=None).running() as world:
        sent = await world.send()
        await world.until(lambda: sent.id not in world.desk.alerts)
        assert ["sending", "done"] == states[-2:]


async def hear(stream: trio.SocketStream, kind: type[FromDispatch]) -> FromDispatch:
    """Return the last message of this kind that has come, once one has."""
    frames, heard = Frames(), []
    while not heard:
        messages = [read_from_dispatch(body) for body in frames.feed(await stream.receive_some())]
        heard = [message for message in messages if isinstance(message, kind)]
    return heard[-1]


async def test_edges_know_a_token_before_whoever_made_it(autojump_clock, world_of) -> None:
    """Made and used in one breath it is known, and revoked it is known no more."""
    made = Token("new", sha256(b"secret").digest(), "operator", created_at=Instant(0))
    pairs = [[trio.SocketStream(one) for one in trio.socket.socketpair(socket.AF_UNIX)] for _ in range(2)]
    (edge, _), (shell, _) = pairs
    async with AsyncExitStack() as stack, world_of().running() as world, trio.open_nursery() as nursery:
        counter = Counter(world.desk)
        for ours, theirs in pairs:
            await stack.enter_async_context(ours)
            await stack.enter_async_context(theirs)
            nursery.start_soon(counter._serve_client, nursery, theirs)
        await edge.send_all(frame(Greet("edge", pushes=True)))
        await hear(edge, Tokens)
        await shell.send_all(frame(Greet("cli")))
        for number, (question, known) in enumerate([(CreateToken(made), True), (RevokeToken("new"), False)]):
            await shell.send_all(frame(Ask(number, None, question)))
            await hear(shell, Told)
            with trio.fail_after(0.01):
                told = await hear(edge, Tokens)
            assert isinstance(told, Tokens)
            assert known == ("new" in {one.name for one in told.tokens})
        nursery.cancel_scope.cancel()
