"""One SIP trunk in a voice process: its agent, its way, its book, and the calls that it is asked to make.

Law: what the agent and the playbacks say becomes events in `outbox`, whether or not anybody is there to read them; a
call goes on without dispatch. A call that would be refused here has not been begun: `Unsent`.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import Final

import structlog
import trio
from msgspec import Struct

from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Answer, Event, Fault, Link, Outcome, Refused, Unsent
from klaroen.settings import Sip
from klaroen.telemetry.voice import TrunkCounts
from klaroen_adapters.tcp import Connect, connector
from klaroen_adapters.voice import sip_status
from klaroen_adapters.voice.clip_shelf import ClipShelf, Heard
from klaroen_adapters.voice.media import Line, MediaRoom
from klaroen_adapters.voice.media_ports import NoPortError
from klaroen_adapters.voice.rtp_playback import Playback
from klaroen_adapters.voice.sip_agent import UserAgent
from klaroen_adapters.voice.sip_book import Book
from klaroen_adapters.voice.sip_lines import is_name, is_number
from klaroen_adapters.voice.sip_terms import (
    Address,
    Answered,
    Ended,
    Lost,
    Probed,
    Rejected,
    Ringing,
    SipEvent,
)
from klaroen_adapters.voice.trunk_route import NoRouteError, Route, draw, find_route, make_terms
from klaroen_adapters.voice.trunk_way import TcpWay, UdpWay, Way
from klaroen_adapters.voice.voice_frames import Dial, Place

log = structlog.get_logger()

TICK_S: Final = 0.02
"""How late a repeat may leave: the first one is due after half a second."""
PROBE_UP_S: Final = 10.0
PROBE_DOWN_S: Final = 2.0
PROBE_WITHIN_S: Final = 2.0
"""Asked three times in it; a trunk in another country answers in a tenth of a second."""
ANEW_S: Final = 30.0
"""A trunk that is away for so long may have moved: its name is looked up again."""
PLACED_AT_ONCE: Final = 4
"""Calls begun between two looks at the clock: half a millisecond."""
LATE_RETRY_S: Final = 1.0
"""Ticks are judged by the second."""


UNAVAILABLE: Final = 503


class Caller(Struct):
    """What is needed of a call besides the book's."""

    line: Line
    heard: Heard


class Trunk:
    """See the module's law."""

    def __init__(
        self,
        settings: Sip,
        room: MediaRoom,
        shelf: ClipShelf,
        counts: TrunkCounts,
        now: Callable[[], Instant],
        connect: Connect | None = None,
    ) -> None:
        self.name = settings.name
        self.outbox: list[Event] = []
        self.told = trio.Event()
        """Set when there is something in `outbox`."""
        self.link = Link(False, 0, "not asked yet")
        self.draining = False
        self._settings = settings
        self._room = room
        self._shelf = shelf
        self._counts = counts
        self._now = now
        self._connect = connect or connector()
        self._book = Book()
        self._callers: dict[AttemptId, Caller] = {}
        self._attempts: dict[Line, AttemptId] = {}
        self._expiries: list[tuple[Instant, AttemptId]] = []
        self._probed = trio.Event()
        self._heard_at = -PROBE_WITHIN_S
        """When the trunk last said anything."""
        self._agent: UserAgent
        self._way: Way
        self._route: Route

    def __len__(self) -> int:
        """Lines in use."""
        return len(self._book)

    async def run(self) -> None:
        """Find the trunk, then keep asking it how it is, until cancelled."""
        while True:
            try:
                self._route = await find_route(self._settings)
            except NoRouteError as error:
                self._say_link(False, str(error))
                await trio.sleep(PROBE_DOWN_S)
            else:
                await self._serve(self._route)

    async def place(self, dial: Dial) -> None:
        """Begin these calls; each that cannot be has its answer at once."""
        heard = await self._shelf.find(dial.script)
        for index, call in enumerate(dial.calls):
            if index % PLACED_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
            again = self._book.recall(call.attempt)
            if again is not None:
                self.outbox += again
                self.told.set()
                continue
            outcome = self._begin(call, dial, heard)
            if outcome is not None:
                self._tell([Answer(call.attempt, outcome)])
        self._flush()

    def tell_again(self) -> None:
        """Somebody new listens: what he may have missed is told once more."""
        self.outbox = [*self._book.recent(self._now()), *self.outbox]  # anew: who listened before empties the old one
        if self.outbox:
            self.told.set()

    def hang_up_all(self) -> None:
        """End every call that stands."""
        for attempt in self._book.standing:
            self._agent.hang_up(attempt, self._now())
        if self._callers:
            self._flush()

    # --- calls ------------------------------------------------------------------------------------------------------

    def _begin(self, call: Place, dial: Dial, heard: Heard | None) -> Outcome | None:
        """Return why a call is not made, None for one that is on its way."""
        script, caller_id = dial.script, dial.script.caller_id or self._settings.caller_id
        now = self._now()
        refusal = self._refusal(call, heard, dial.expire_s)
        if refusal is not None:
            return refusal
        assert heard is not None, "refused without a clip"
        try:
            line = self._room.open(self._route.here, self._on_news)
        except NoPortError:
            return Unsent("no port free", LATE_RETRY_S, throttled=True)
        except OSError as error:
            log.warning("no socket for a call", carrier=self.name, errno=error.errno)
            return Unsent("no socket", LATE_RETRY_S)
        self._callers[call.attempt], self._attempts[line] = Caller(line, heard), call.attempt
        self._book.place(call.attempt, now)
        self._agent.invite(
            call.attempt,
            call.number,
            caller_id if is_number(caller_id) else "",
            (self._route.said, line.port),
            ring_s=script.ring_s,
            ring_by_at=Instant(now + round(call.answer_s * 1000)),
            now=now,
        )
        if dial.expire_s < script.ring_s + call.answer_s:
            heapq.heappush(self._expiries, (Instant(now + round(dial.expire_s * 1000)), call.attempt))
        self._flush()
        return None

    def _refusal(self, call: Place, heard: Heard | None, expire_s: float) -> Outcome | None:
        if not is_number(call.number) or not is_name(call.attempt):
            return Refused(sip_status.INVALID, "address")
        if heard is None:
            return Refused("no clip", "content")
        if call.answer_s <= 0 or expire_s <= 0:
            return Unsent("deadline passed")
        if self.draining:
            return Unsent("stopping")
        if not self.link.up:
            return Unsent("trunk down")
        if len(self._book) >= self._settings.lines:
            return Unsent("no line free", LATE_RETRY_S, throttled=True)
        if self._room.lateness.is_too_late:
            return Unsent("voice process late", LATE_RETRY_S, throttled=True)
        return None

    def _on_news(self, line: Line) -> None:
        """A playback has something to tell."""
        playback, attempt = line.playback, self._attempts[line]
        assert playback is not None, "it plays"
        news, playback.news = playback.news, []
        now = self._now()
        self._tell(self._book.hear(attempt, news, now))
        if "over" in news:
            self._room.hush(line)
            self._agent.hang_up(attempt, now)
            self._flush()

    def _on(self, said: SipEvent) -> None:
        now = self._now()
        match said:
            case Ringing(call):
                attempt = AttemptId(call)
                self._counts.rang((now - self._book.placed_at(attempt)) / 1000)
                self._tell(self._book.ring(attempt))
            case Answered(call, media):
                attempt = AttemptId(call)
                caller = self._callers[attempt]
                playback = Playback(caller.heard.of(media.codec))
                self._tell(self._book.answer(attempt, playback, now))
                caller.line.answer(media, playback)
                self._room.start(caller.line)
            case Rejected(call) | Lost(call):
                self._close(AttemptId(call))
                self._tell(self._book.reject(said, now))
            case Ended(call):
                self._close(AttemptId(call))
                self._tell(self._book.end(said, now))
            case Probed(status):
                self._on_probed(status)
            case Fault():
                self._tell([said])

    def _close(self, attempt: AttemptId) -> None:
        caller = self._callers.pop(attempt)
        del self._attempts[caller.line]
        self._room.close(caller.line)

    # --- the way ----------------------------------------------------------------------------------------------------

    async def _serve(self, route: Route) -> None:
        """Carry calls, until the trunk has been away for so long that it may have moved."""
        settings = self._settings
        await self._room.ports.open_ahead(route.here, settings.lines)
        if settings.transport == "udp":
            self._way = UdpWay((route.here, 0), self._heard)
        else:
            self._way = TcpWay(route.trunk, self._heard, self._opened, self._lost, self._connect)
        self._agent = UserAgent(make_terms(settings, route, self._way.local[1]), draw)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._way.run)
                nursery.start_soon(self._tick)
                await self._probe()
                nursery.cancel_scope.cancel()
        finally:
            self._way.close()

    def _heard(self, octets: bytes, source: Address) -> None:
        self._heard_at = trio.current_time()
        for said in self._agent.receive(octets, source, self._now()):
            self._on(said)
        if isinstance(self._way, TcpWay) and self._agent.is_broken(source):
            self._way.cut()
        self._flush()

    def _opened(self, local: Address) -> None:
        self._agent.move(local)
        if not self._settings.probe:
            self._say_link(True, "not asked")
        self._flush()

    def _lost(self) -> None:
        self._say_link(False, "connection lost")
        for said in self._agent.lose(self._route.trunk, self._now()):
            self._on(said)

    def _flush(self) -> None:
        self._way.write(self._agent.take())

    async def _tick(self) -> None:
        """Repeats, deadlines and expiries."""
        while True:
            await trio.sleep(TICK_S)
            now = self._now()
            while self._expiries and self._expiries[0][0] <= now:
                attempt = heapq.heappop(self._expiries)[1]
                if attempt in self._callers and self._callers[attempt].line.playback is None:
                    self._agent.hang_up(attempt, now)
            next_at = self._agent.next_at
            if next_at is not None and next_at <= now:
                for said in self._agent.tick(now):
                    self._on(said)
            self._flush()

    async def _probe(self) -> None:
        """Ask for signs of life, until there have been none for too long and no call stands."""
        if not self._settings.probe:
            if isinstance(self._way, UdpWay):
                self._say_link(True, "not asked")
            await trio.sleep_forever()
        up_at = trio.current_time()
        while self.link.up or self._callers or trio.current_time() - up_at < ANEW_S:
            self._probed = trio.Event()
            self._agent.probe(self._now(), PROBE_WITHIN_S)
            self._flush()
            await self._probed.wait()
            if self.link.up:
                up_at = trio.current_time()
            await trio.sleep(PROBE_UP_S if self.link.up else PROBE_DOWN_S)

    def _on_probed(self, status: int | None) -> None:
        """Any answer is a sign of life but the one that says to go elsewhere; so is anything else that was said."""
        if status == UNAVAILABLE:
            self._say_link(False, "trunk 503")
        elif status is not None or trio.current_time() - self._heard_at < PROBE_WITHIN_S:
            self._say_link(True, "up")
        else:
            self._say_link(False, "no answer to OPTIONS")
        self._probed.set()

    # --- what is told -----------------------------------------------------------------------------------------------

    def _say_link(self, up: bool, words: str) -> None:
        link = Link(up, self._settings.lines if up else 0, words)
        if link != self.link:
            self.link = link
            self._tell([link])

    def _tell(self, events: Sequence[Event]) -> None:
        if events:
            self._counts.told(events)
            self.outbox += events
            self.told.set()
