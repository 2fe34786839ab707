"""A telephone for tests, and a network that loses and repeats.

The telephone keeps the other half of RFC 3261: it repeats its final answers and its BYE until they are answered, and
answers what it has answered before in the same way. It is off the hook from its 200 to the end of the call.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Literal

from tests.unit.voice.sip_kit import CONTACT, HOUR_MS, MEDIA, NUMBER, SDP, TRUNK, World, request, response

from klaroen.core.model import Instant
from klaroen_adapters.voice.sip_message import Request, Response, parse
from klaroen_adapters.voice.sip_terms import Answered, SipEvent

HangUp = Literal["us", "peer"] | None
Play = Literal["answer", "busy", "ring", "cross"]
"""What it does: picks up at once, is busy, lets ring, or picks up as the CANCEL comes."""
WAY_MS = 20


class Phone:
    """What rings."""

    def __init__(self, play: Play) -> None:
        self.off_hook = False
        self.outbox: list[bytes] = []
        self.repeats: dict[str, tuple[int, int, bytes]] = {}
        """By method: at, interval, octets."""
        self._play = play
        self._invite: Request | None = None
        self._served: dict[tuple[str, str], bytes] = {}

    @property
    def next_at(self) -> int | None:
        return min((at for at, _, _ in self.repeats.values()), default=None)

    def tick(self, now: int) -> None:
        for method, (at, interval, octets) in list(self.repeats.items()):
            if at <= now:
                self.outbox.append(octets)
                self.repeats[method] = now + 2 * interval, 2 * interval, octets

    def hear(self, octets: bytes, now: int) -> None:
        heard = parse(octets)
        if isinstance(heard, Response):
            self.repeats.pop(heard.method, None)
        elif heard.method == "ACK":
            self.repeats.pop("INVITE", None)
        elif (known := self._served.get((heard.via.branch, heard.method))) is not None:
            self.outbox.append(known)
        elif heard.method == "INVITE":
            self._invite = heard
            self.outbox.append(response(heard, 100))
            if self._play == "busy":
                self._finish(heard, 486, now)
                return
            self._answer(heard, response(heard, 180))
            if self._play == "answer":
                self._pick_up(heard, now)
        else:
            self._answer(heard, response(heard, 200))
            self.off_hook = False
            if heard.method == "CANCEL" and self._invite is not None:
                if self._play == "cross":
                    self._pick_up(self._invite, now)
                else:
                    self._finish(self._invite, 487, now)

    def hang_up(self, now: int) -> None:
        assert self._invite is not None
        self.off_hook = False
        self._repeat("BYE", request("BYE", self._invite), now)

    def _pick_up(self, invite: Request, now: int) -> None:
        self.off_hook = True
        octets = response(invite, 200, "peer", CONTACT, body=SDP)
        self._answer(invite, octets)
        self.repeats["INVITE"] = now + 500, 500, octets

    def _finish(self, invite: Request, status: int, now: int) -> None:
        octets = response(invite, status)
        self._answer(invite, octets)
        self.repeats["INVITE"] = now + 500, 500, octets

    def _answer(self, asked: Request, octets: bytes) -> None:
        self._served[asked.via.branch, asked.method] = octets
        self.outbox.append(octets)

    def _repeat(self, method: str, octets: bytes, now: int) -> None:
        self.outbox.append(octets)
        self.repeats[method] = now + 500, 500, octets


class Net:
    """Both, and the way between them; `fate` says how often the n-th datagram arrives."""

    def __init__(self, play: Play, fate: Callable[[int], int]) -> None:
        self.world, self.phone = World(), Phone(play)
        self.events: list[SipEvent] = []
        self.sent_count = 0
        self._fate = fate
        self._wire: list[tuple[int, int, bool, bytes]] = []

    def run(self, hang_up: HangUp) -> None:
        """Make one call, hang up five seconds after it is answered, and wait until nothing more comes."""
        world, agent = self.world, self.world.agent
        ring_by_at = Instant(world.now + 20_000)
        agent.invite("A1", NUMBER, "", MEDIA, ring_s=10.0, ring_by_at=ring_by_at, now=world.now)
        end = talked_at = world.now + HOUR_MS
        while True:
            self._carry()
            times = (agent.next_at, self.phone.next_at, self._wire[0][0] if self._wire else None, talked_at)
            world.now = Instant(min(at for at in times if at is not None))
            if world.now >= end:
                return
            if world.now == talked_at:
                talked_at = end
                if hang_up == "us":
                    agent.hang_up("A1", world.now)
                elif hang_up == "peer":
                    self.phone.hang_up(world.now)
            self.events += agent.tick(world.now)
            self.phone.tick(world.now)
            while self._wire and self._wire[0][0] <= world.now:
                _, _, to_phone, octets = heappop(self._wire)
                if to_phone:
                    self.phone.hear(octets, world.now)
                    continue
                events = agent.receive(octets, TRUNK, world.now)
                if any(isinstance(event, Answered) for event in events):
                    talked_at = world.now + 5_000
                self.events += events

    def _carry(self) -> None:
        leaving = [(octets, True) for octets, _ in self.world.agent.take()]
        leaving += [(octets, False) for octets in self.phone.outbox]
        self.phone.outbox.clear()
        for octets, to_phone in leaving:
            for copy in range(self._fate(self.sent_count)):
                at = self.world.now + (1 + copy) * WAY_MS
                heappush(self._wire, (at, 2 * self.sent_count + copy, to_phone, octets))
            self.sent_count += 1
