"""Receipts through dispatch itself, without sockets: the real inbox, the real drain, the real journal, in this process.

Law: what is built here is what dispatch holds after a hand-over; from there on only its own functions act.
"""

import random
from array import array
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final

from msgspec import Struct

from klaroen.core.account import Account
from klaroen.core.audience import Audience, Kind, Layout, Tongue
from klaroen.core.expand import Planner
from klaroen.core.ids import attempt_ids
from klaroen.core.model import Alert, AlertId, Batch, CarrierName, Instant, Step, Text
from klaroen.core.ports import Accepted, Answer, Event, Receipt
from klaroen.core.records import IdempotencyKey
from klaroen.core.sheet import Sheet
from klaroen.dispatch.agenda import Agenda
from klaroen.dispatch.clock import SystemClock
from klaroen.dispatch.closing import hold_orphans
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.fleet import EmitFor, build_fleet
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.orphans import Orphans
from klaroen.dispatch.page import Page
from klaroen.dispatch.settle import drain, keep, take_events
from klaroen.register.book import Book
from klaroen.register.keys import Keyring
from klaroen.settings import Settings, Sim
from klaroen.store.trio_writer import AsyncWriter
from klaroen.store.writer import WritableStore
from klaroen.telemetry import Depths, DispatchMetrics

CARRIER: Final = CarrierName("direct")
BATCH_MAX: Final = 1_000
LONG_EVERY: Final = 5
"""One batch in five holds texts of three parts, each with a receipt of its own; the second is the first of them."""
LONG_PARTS: Final = 3
TWICE_SHARE: Final = 0.05
CONFLICT_SHARE: Final = 0.03
"""Attempts that get another word before or after the last one: buffered, network, even failed."""
FAILED_SHARE: Final = 0.03


class Direct:
    """A desk with one carrier that is never connected: its answers and receipts are put in by hand."""

    def __init__(self, data_dir: Path, store: WritableStore, writer: AsyncWriter) -> None:
        settings = Settings(data_dir=str(data_dir), carrier=(Sim(name=CARRIER, channels=("sms",)),))
        metrics = DispatchMetrics(settings, Depths)
        book = Book(store.register, Keyring.fresh())
        self.desk = Desk(settings, store, writer, SystemClock(Instant(0)), metrics, "bench", bytes(32), book)
        build_fleet(self.desk, EmitFor(self.desk))
        self.station = self.desk.stations[CARRIER]
        self._alerts = count(1)
        self._rows = count(1)

    async def hand_over(self, deliveries: int, *, durable: bool) -> "Flown":
        """Return an alert whose every attempt has left and none is answered."""
        alert = _alert(next(self._alerts), deliveries, self.desk.clock.now())
        layout = Layout.of((Kind((), 1),), [((0,), (0,), (deliveries,))], array("I", range(deliveries)).tobytes())
        audience = Audience(layout, (Tongue("nl", fell_back=False),), bytes(1), bytes(1))
        steps = self.desk.settings.steps.warm
        opened = OpenAlert(alert, audience, Account(audience), Planner((), frozenset({"sms"}), True), steps, "sending")
        batches = [
            self._batch(opened, place, range(first, min(first + BATCH_MAX, deliveries)))
            for place, first in enumerate(range(0, deliveries, BATCH_MAX))
        ]
        if durable:
            await self._write(alert, audience, batches)
        self.desk.alerts[alert.id] = opened
        pages = opened.plan_batches([Sheet(batch) for batch in batches])
        for page in pages:
            await self._fly(page, durable=durable)
        return Flown(opened, tuple(pages))

    def forget(self, flown: "Flown") -> None:
        """Let go of an alert and of everything that would still be done for it."""
        desk, station = self.desk, self.station
        del desk.alerts[flown.opened.alert.id]
        desk.agenda = Agenda()
        desk.queue.clear()
        desk.matched.clear()
        station.refs.clear()
        station.attempts.clear()
        station.orphans = Orphans()

    def _batch(self, opened: OpenAlert, place: int, deliveries: range) -> Batch:
        parts = LONG_PARTS if place % LONG_EVERY == 1 else 1
        alert = opened.alert
        return Batch(
            self.desk.number_batch(), alert.id, alert.alert_class, alert.mode, Step("sms", "mobile"), 0, 1, "nl",
            3600.0, alert.accepted_at, array("I", deliveries).tobytes(), parts=parts,
        )  # fmt: skip

    async def _write(self, alert: Alert, audience: Audience, batches: Sequence[Batch]) -> None:
        desk = self.desk
        key = IdempotencyKey(alert.token, alert.id, bytes(32))
        await desk.writer.write(desk.store.accept, alert, audience.encode(), b"", key)
        await desk.writer.write(desk.store.plan, alert.id, len(audience), batches, desk.clock.now())

    async def _fly(self, page: Page, *, durable: bool) -> None:
        desk, station, size = self.desk, self.station, len(page.sheet)
        if durable:
            claim = desk.store.claim
            now = desk.clock.now()
            assert await desk.writer.write(claim, page.batch.id, 0, desk.owner, station.name, size, 0, now)
        page.take(station, station.take_references(size))
        page.cursor = size
        page.fly(0, size, 1)
        desk.exposed += size
        for index, attempt in enumerate(attempt_ids(page.batch, station.name, page.sheet.deliveries)):
            station.in_flight[attempt] = (page, index)

    # --- what comes -------------------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Take one event in at once, a receipt as if it had become durable in the same instant."""
        if not isinstance(event, Receipt):
            take_events(self.desk, self.station, [event])
            return
        kept = keep(self.desk, self.station, [event])
        orphans = drain(self.desk, self.station, kept, self.desk.clock.now())
        if orphans:
            hold_orphans(self.desk, self.station, orphans, next(self._rows), self.desk.clock.now())


class Flown(Struct, frozen=True):
    """An alert in the air."""

    opened: OpenAlert
    pages: tuple[Page, ...]

    def answers(self) -> list[Event]:
        """Return the carrier's acceptance of each attempt."""
        return [
            Answer(attempt, Accepted(tuple(_ref(delivery, part) for part in range(page.batch.parts))))
            for page in self.pages
            for attempt, delivery in zip(
                attempt_ids(page.batch, CARRIER, page.sheet.deliveries), page.sheet.deliveries, strict=True
            )
        ]

    def receipts(self, seed: int) -> list[Event]:
        """Return every receipt that will come, repeats and contradictions included, in a seeded order."""
        chance = random.Random(seed)
        found: list[Event] = []
        for page in self.pages:
            for delivery in page.sheet.deliveries:
                for part in range(page.batch.parts):
                    found += _receipts(chance, _ref(delivery, part))
        chance.shuffle(found)
        return found

    def standing(self) -> tuple[object, ...]:
        """Return all that users are told of the alert and what decides its next steps: its end state."""
        account = self.opened.account
        tallies = {channel: (tuple(tally.states), tally.cost_eur) for channel, tally in account.tallies.items()}
        return (
            bytes(account.states),
            bytes(account.reached),
            tuple(account.counts),
            account.network_only,
            tallies,
            tuple((bytes(page.sheet.states), page.sheet.unanswered, page.sheet.open) for page in self.pages),
        )


def _receipts(chance: random.Random, ref: str) -> list[Event]:
    draw = chance.random()
    state = "failed" if draw < FAILED_SHARE else "reached"
    words = [state]
    if chance.random() < CONFLICT_SHARE:
        words.append(chance.choice(["buffered", "network", "failed"]))
    if chance.random() < TWICE_SHARE:
        words.append(state)
    return [Receipt(word, "000", ref=ref) for word in words]  # type: ignore[arg-type]  # drawn from the literals


def _ref(delivery: int, part: int) -> str:
    return f"{delivery:x}-{part}"


def _alert(number: int, members: int, now: Instant) -> Alert:
    return Alert(
        id=AlertId(f"direct{number:020d}"),
        alert_class="warm",
        mode="live",
        content={"nl": Text("Inbraak bezig in de Kerkstraat. Let op een witte bestelwagen. Bel 101.")},
        accepted_at=now,
        expires_at=Instant(now + 3_600_000),
        token="bench",  # noqa: S106 - its name
        role="police",
        networks=(),
        plan_versions=(),
        register_version=1,
        members=members,
        unreachable={},
    )
