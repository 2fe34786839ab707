"""Receipts of one account: each is sent on any bind that is up until somebody acknowledges it.

Law: a receipt is forgotten only when it was acknowledged, or refused for good. No acknowledgement, a retryable status
or a lost connection: again, with back-off, on whatever bind there is then.
"""

from asyncio import AbstractEventLoop
from collections import Counter, deque
from collections.abc import Iterable
from random import Random
from typing import Final, Protocol

from msgspec import Struct

from klaroen_bench.carriers.pdu import RETRYABLE
from klaroen_bench.carriers.wheel import Wheel

AT_ONCE_MAX: Final = 100
"""Receipts to one bind before the next has its turn: few writes for many receipts, and still on every bind."""
RECEIPT_WINDOW: Final = 1000
"""Receipts unacknowledged on one bind; an SMSC that knew none would drown a slow reader."""
ACKNOWLEDGE_S: Final = 5.0
"""No answer for so long: the receipt is repeated."""
REPEAT_S: Final = 0.5
REPEAT_S_MAX: Final = 30.0
SWEEP_S: Final = 0.5
PENDING_MAX: Final = 2_000_000
"""Receipts that wait for a bind; beyond it the oldest are dropped and counted."""


class Receipt(Struct, gc=False):
    body: bytes
    tries: int = 0


class Bound(Protocol):
    """A connection that takes receipts."""

    unacknowledged: dict[int, tuple[Receipt, float]]

    @property
    def writable(self) -> bool: ...
    def deliver(self, receipts: list[Receipt], now: float) -> None: ...


class Account:
    def __init__(self, system_id: str, loop: AbstractEventLoop, counts: Counter[str]) -> None:
        self.system_id = system_id
        self._loop = loop
        self._counts = counts
        self._bound: deque[Bound] = deque()
        self._pending: deque[Receipt] = deque()
        self._later: Wheel[Receipt] = Wheel(loop, self.offer)
        self._frozen = False
        self._withheld = False
        self._sweeping = False

    @property
    def pending(self) -> int:
        return len(self._pending) + self._later.count

    @property
    def unacknowledged(self) -> int:
        return sum(len(bound.unacknowledged) for bound in self._bound)

    def join(self, bound: Bound) -> None:
        self._bound.append(bound)
        self.pump()
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(SWEEP_S, self._sweep)

    def leave(self, bound: Bound) -> None:
        if bound in self._bound:
            self._bound.remove(bound)
            self._again(receipt for receipt, _ in bound.unacknowledged.values())
            bound.unacknowledged.clear()

    def freeze(self, *, frozen: bool) -> None:
        self._frozen = frozen
        self.pump()

    def withhold(self, *, withheld: bool, chance: Random) -> None:
        """Let receipts pile up; those that piled up leave in an order of chance."""
        if self._withheld and not withheld:
            pending = list(self._pending)
            chance.shuffle(pending)
            self._pending = deque(pending)
        self._withheld = withheld
        self.pump()

    def offer(self, receipts: Iterable[Receipt]) -> None:
        self._pending.extend(receipts)
        while len(self._pending) > PENDING_MAX:
            self._pending.popleft()
            self._counts["receipts_dropped"] += 1
        self.pump()

    def pump(self) -> None:
        """Hand what waits to the binds that have room, in turn."""
        pending, bound = self._pending, self._bound
        if not pending or self._frozen or self._withheld:
            return
        now = self._loop.time()
        skipped = 0
        while pending and skipped < len(bound):
            peer = bound[0]
            bound.rotate(-1)
            count = min(RECEIPT_WINDOW - len(peer.unacknowledged), AT_ONCE_MAX, len(pending))
            if count <= 0 or not peer.writable:
                skipped += 1
                continue
            skipped = 0
            peer.deliver([pending.popleft() for _ in range(count)], now)
            self._counts["receipts_sent"] += count

    def refused(self, receipt: Receipt, status: int) -> None:
        """The peer did not take a receipt: again, unless it says that it never will."""
        if status in RETRYABLE:
            self._again((receipt,))
        else:
            self._counts["receipts_refused"] += 1

    def _again(self, receipts: Iterable[Receipt]) -> None:
        now = self._loop.time()
        for receipt in receipts:
            self._later.add(now + min(REPEAT_S * 2.0**receipt.tries, REPEAT_S_MAX), receipt)
            receipt.tries += 1
            self._counts["receipts_repeated"] += 1

    def _sweep(self) -> None:
        """Take back what nobody acknowledged in time: oldest first, so that one look a bind is nearly always enough."""
        overdue = self._loop.time() - ACKNOWLEDGE_S
        for bound in self._bound:
            late = []
            for sequence, (_, sent_at) in bound.unacknowledged.items():
                if sent_at > overdue or self._frozen:
                    break
                late.append(sequence)
            self._again(bound.unacknowledged.pop(sequence)[0] for sequence in late)
        self.pump()
        self._sweeping = bool(self._bound)
        if self._sweeping:
            self._loop.call_later(SWEEP_S, self._sweep)
