"""How one alert stands: every member in exactly one of seven states, at every instant.

Law: an account is derived from the alert's audience and the sheets of its batches; what is kept up to date as things
happen equals what `rebuild` derives, and the seven counts always sum to the audience.
"""

from collections.abc import Iterable, Sequence
from typing import Final, get_args

import msgspec
from msgspec import Struct

from klaroen.core.audience import Audience
from klaroen.core.buckets import bucket_of, percentile
from klaroen.core.call_rows import cost_eur as call_eur
from klaroen.core.model import Channel
from klaroen.core.phases import ANSWERED, minutes
from klaroen.core.phases import ENDED as ENDED_CALL
from klaroen.core.sheet import NEVER, Sheet
from klaroen.core.state import (
    BARRED,
    CANCELLED,
    ENDED,
    EXPIRED,
    HANDED_OVER,
    MOVED,
    NETWORK,
    NONE,
    OPEN,
    PASSED_OVER,
    REACHED,
)
from klaroen.core.views import DeliveryState

STATES: Final[tuple[DeliveryState, ...]] = get_args(DeliveryState)
PENDING, HANDED, REACHED_STATE, FAILED_STATE, EXPIRED_STATE, CANCELLED_STATE, UNREACHABLE = range(7)

_UNREACHABLE_END: Final = 5
_END_STATES: Final = bytes(
    (PENDING, PENDING, FAILED_STATE, EXPIRED_STATE, CANCELLED_STATE, UNREACHABLE, CANCELLED_STATE)
)
"""Fate -> the delivery's state where no attempt was handed over."""
assert tuple(range(7)) == (OPEN, MOVED, ENDED, EXPIRED, CANCELLED, _UNREACHABLE_END, BARRED)

_UNREACHABLE: Final = bytes([UNREACHABLE])
_ENDS_AT_FIRST: Final = bytes(_UNREACHABLE_END if state == UNREACHABLE else OPEN for state in range(256))
"""A delivery's state at acceptance -> its fate."""

_HOLDS: Final = bytes(state in (HANDED_OVER, NETWORK) for state in range(8))
"""Attempt states in which a carrier has it and nothing said that it will not arrive."""


class Tally:
    """The attempts of one channel: how many stand in each state, how long proof took, what they cost."""

    __slots__ = (
        "answer_ms", "answered", "cost_eur", "ended", "entered", "flown", "handed_ms", "minutes", "proved_ms",
        "reach_ms", "states", "talked",
    )  # fmt: skip

    def __init__(self) -> None:
        self.states = [0] * 8
        self.entered = [0] * 7
        """How many deliveries came into each of their states by this channel since the metrics last asked."""
        self.handed_ms: dict[int, int] = {}
        self.proved_ms: dict[int, int] = {}
        """Milliseconds since acceptance -> count of hand-overs and proofs since the metrics last asked."""
        self.flown = 0
        self.cost_eur = 0.0
        self.reach_ms: dict[int, int] = {}
        """Bucket (see `buckets`) -> count."""
        self.answered = 0
        self.ended = 0
        self.talked = 0
        """Calls that were answered, that are over, and that are both."""
        self.minutes = 0
        self.answer_ms: dict[int, int] = {}
        """From the hand-over of a call to its answer: bucket -> count."""

    def told(self) -> None:
        """The metrics have been told what happened so far."""
        self.entered = [0] * 7
        self.handed_ms = {}
        self.proved_ms = {}

    def percentile(self, share: float) -> float | None:
        """Return the latency in ms below which this share of the proofs came, or None without any."""
        return percentile(self.reach_ms, share)

    def answer_percentile(self, share: float) -> float | None:
        """Return in how many ms this share of the answered calls was answered, or None without any."""
        return percentile(self.answer_ms, share)

    @property
    def talking(self) -> int:
        """Calls that are being listened to."""
        return self.answered - self.talked

    @property
    def ringing(self) -> int:
        """Calls that a carrier has taken and that nobody has answered yet, as far as is known."""
        return max(0, sum(self.states[HANDED_OVER:]) - self.answered - (self.ended - self.talked))


class ChannelTotals(Struct, frozen=True, array_like=True):
    states: tuple[int, ...]
    flown: int
    cost_eur: float
    reach_ms: dict[int, int]
    calls: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Answered, ended, both, minutes."""
    answer_ms: dict[int, int] = {}


class Closing(Struct, frozen=True, array_like=True):
    """The account of an alert that is over, as the store keeps it."""

    states: bytes
    reached: bytes
    held: bytes
    network: bytes
    ends: bytes
    channels: dict[Channel, ChannelTotals]
    confirmed: int
    possible_duplicates: int
    first_ms: int
    last_ms: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Closing)


class Account:
    """The standing of one alert's deliveries. `reached` is the bitmap that is read before each hand-over."""

    __slots__ = (
        "_ends", "_held", "_network", "confirmed", "counts", "first_ms", "last_ms", "network_only",
        "possible_duplicates", "reached", "states", "tallies",
    )  # fmt: skip

    def __init__(self, audience: Audience) -> None:
        size = len(audience)
        self.states = bytearray(size)
        self.reached = bytearray(size)
        self._held = bytearray(size)
        self._network = bytearray(size)
        for start, end, _ in audience.unreachable_spans:
            self.states[start:end] = _UNREACHABLE * (end - start)
        self._ends = self.states.translate(_ENDS_AT_FIRST)
        unreachable = self.states.count(UNREACHABLE)
        self.counts = [size - unreachable, 0, 0, 0, 0, 0, unreachable]
        self.tallies: dict[Channel, Tally] = {}
        self.network_only = 0
        self.confirmed = 0
        self.possible_duplicates = 0
        self.first_ms = NEVER
        self.last_ms = NEVER

    def tally(self, channel: Channel) -> Tally:
        tally = self.tallies.get(channel)
        if tally is None:
            tally = self.tallies[channel] = Tally()
        return tally

    # --- what happens -----------------------------------------------------------------------------------------------

    def plan(self, sheet: Sheet) -> None:
        """A batch was inserted."""
        self.tally(sheet.batch.step.channel).states[NONE] += len(sheet)
        if sheet.batch.possible_duplicate:
            self.possible_duplicates += len(sheet)

    def change(self, tally: Tally, deliveries: Sequence[int], old: int, new: int, ms: int, price_eur: float) -> None:
        """One attempt of each of these deliveries went from `old` to `new`, `ms` after acceptance.

        Shape: many at once, for carriers answer in hundreds and the sums are theirs alone.
        """
        count = len(deliveries)
        tally.states[old] -= count
        tally.states[new] += count
        if old < HANDED_OVER <= new:
            tally.cost_eur += price_eur * count
            tally.handed_ms[ms] = tally.handed_ms.get(ms, 0) + count
            self.first_ms = ms if self.first_ms == NEVER else min(self.first_ms, ms)
            self.last_ms = max(self.last_ms, ms)
        elif new < HANDED_OVER <= old:  # of several parts: one that had failed arrived, another's answer is unknown
            tally.cost_eur -= price_eur * count
        if new == REACHED:
            self._reach(tally, deliveries, ms)
        elif new == NETWORK:
            self._reach_network(deliveries)
        holds = _HOLDS[new] - _HOLDS[old]
        if holds:
            held = self._held
            for delivery in deliveries:
                held[delivery] += holds
        self._derive(tally, deliveries)

    def prove(self, sheet: Sheet, index: int, old: int) -> None:
        """A receipt moved one attempt on from `old`; whatever it proved, the carrier had it since it answered."""
        new, answered_ms = sheet.states[index], sheet.answered_ms[index]
        if new == old:  # a part that decides nothing
            return
        tally, deliveries = self.tally(sheet.batch.step.channel), (sheet.deliveries[index],)
        if old < HANDED_OVER < new and answered_ms != NEVER:
            self.change(tally, deliveries, old, HANDED_OVER, answered_ms, sheet.price_eur)
            old = HANDED_OVER
        self.change(tally, deliveries, old, new, sheet.proved_ms[index], sheet.price_eur)

    def call(self, sheet: Sheet, index: int, phase: int) -> None:
        """A call was answered, or is over and costs what it lasted."""
        tally = self.tally(sheet.batch.step.channel)
        if phase == ANSWERED:
            bucket = bucket_of(sheet.calls.answers[index].lasted_ms)
            tally.answered += 1
            tally.answer_ms[bucket] = tally.answer_ms.get(bucket, 0) + 1
        else:
            tally.ended += 1
            tally.talked += index in sheet.calls.answers
            tally.minutes += minutes(sheet.calls.ends[index])
            tally.cost_eur += call_eur(sheet, index)

    def _reach(self, tally: Tally, deliveries: Sequence[int], ms: int) -> None:
        bucket = bucket_of(ms)
        tally.proved_ms[ms] = tally.proved_ms.get(ms, 0) + len(deliveries)
        tally.reach_ms[bucket] = tally.reach_ms.get(bucket, 0) + len(deliveries)
        reached, network = self.reached, self._network
        for delivery in deliveries:
            reached[delivery] = 1
            if network[delivery]:
                network[delivery] = 0
                self.network_only -= 1

    def _reach_network(self, deliveries: Sequence[int]) -> None:
        for delivery in deliveries:
            if not self.reached[delivery] and not self._network[delivery]:
                self._network[delivery] = 1
                self.network_only += 1

    def end(self, tally: Tally, delivery: int, fate: int) -> None:
        """The delivery's obligation ended with this fate; `MOVED` says that it goes on elsewhere."""
        if fate != MOVED:
            self._ends[delivery] = fate
            self._derive(tally, (delivery,))

    def _derive(self, tally: Tally, deliveries: Sequence[int]) -> None:
        reached, held, ends, states, counts = self.reached, self._held, self._ends, self.states, self.counts
        for delivery in deliveries:
            if reached[delivery]:
                new = REACHED_STATE
            elif held[delivery]:
                new = HANDED
            else:
                new = _END_STATES[ends[delivery]]
            old = states[delivery]
            if new != old:
                states[delivery] = new
                counts[old] -= 1
                counts[new] += 1
                tally.entered[new] += 1

    # --- a restart --------------------------------------------------------------------------------------------------

    @classmethod
    def rebuild(cls, audience: Audience, sheets: Iterable[Sheet]) -> "Account":
        """Return the account that these sheets make, in any order."""
        account = cls(audience)
        for sheet in sheets:
            account.add(sheet)
        for tally in account.tallies.values():
            tally.told()
        return account

    def add(self, sheet: Sheet) -> None:
        """Count a sheet in as it stands."""
        self.plan(sheet)
        tally = self.tally(sheet.batch.step.channel)
        price_eur = sheet.price_eur
        columns = (sheet.deliveries, sheet.states, sheet.fates, sheet.answered_ms, sheet.proved_ms)
        for delivery, state, fate, answered, proved in zip(*columns, strict=True):
            if state >= HANDED_OVER:
                self.change(tally, (delivery,), NONE, HANDED_OVER, answered or proved, price_eur)
                if state != HANDED_OVER:
                    self.change(tally, (delivery,), HANDED_OVER, state, proved or answered, price_eur)
            elif state != NONE:
                self.change(tally, (delivery,), NONE, state, answered, price_eur)
            self.end(tally, delivery, fate)
        tally.flown += sheet.sent - sum(words in PASSED_OVER for words in sheet.codes.values())
        self.confirmed += len(sheet.confirmed)
        for index in sheet.calls.answers:
            self.call(sheet, index, ANSWERED)
        for index in sheet.calls.ends:
            self.call(sheet, index, ENDED_CALL)

    # --- the end ----------------------------------------------------------------------------------------------------

    def close(self) -> bytes:
        """Return the account as a blob of five bytes a delivery, able to take a late receipt."""
        channels = {
            channel: ChannelTotals(
                tuple(tally.states),
                tally.flown,
                tally.cost_eur,
                tally.reach_ms,
                (tally.answered, tally.ended, tally.talked, tally.minutes),
                tally.answer_ms,
            )
            for channel, tally in self.tallies.items()
        }
        closing = Closing(
            bytes(self.states), bytes(self.reached), bytes(self._held), bytes(self._network), bytes(self._ends),
            channels, self.confirmed, self.possible_duplicates, self.first_ms, self.last_ms,
        )  # fmt: skip
        return _encoder.encode(closing)

    @classmethod
    def reopen(cls, audience: Audience, blob: bytes) -> "Account":
        """Return a closed alert's account."""
        closing = _decoder.decode(blob)
        account = cls(audience)
        account.states[:] = closing.states
        account.reached[:] = closing.reached
        account._held[:] = closing.held
        account._network[:] = closing.network
        account._ends[:] = closing.ends
        account.counts = [closing.states.count(state) for state in range(7)]
        account.network_only = closing.network.count(1)
        for channel, totals in closing.channels.items():
            tally = account.tally(channel)
            tally.states, tally.reach_ms = list(totals.states), dict(totals.reach_ms)
            tally.flown, tally.cost_eur = totals.flown, totals.cost_eur
            tally.answered, tally.ended, tally.talked, tally.minutes = totals.calls
            tally.answer_ms = dict(totals.answer_ms)
        account.confirmed, account.possible_duplicates = closing.confirmed, closing.possible_duplicates
        account.first_ms, account.last_ms = closing.first_ms, closing.last_ms
        return account

    # --- what users see ---------------------------------------------------------------------------------------------

    def count(self, state: DeliveryState) -> int:
        return self.counts[STATES.index(state)]

    @property
    def handed_over_ever(self) -> int:
        """How many members a carrier took it for: those handed over and those reached."""
        return self.counts[HANDED] + self.counts[REACHED_STATE]
