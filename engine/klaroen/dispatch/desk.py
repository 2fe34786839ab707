"""Everything that dispatch holds, in one place: the only state that its tasks share.

Law: dispatch alone decides and writes (law 2). A task that changes something here does it between two checkpoints, so
that every other task finds it whole.
"""

import random
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Final, TypeVar

import structlog
import trio

from klaroen.core.errors import StoreUnavailableError
from klaroen.core.model import (
    AlertId,
    BatchId,
    CarrierName,
    Channel,
    Instant,
    Token,
)
from klaroen.core.ports import Clock, Recorder, Sealer, Speaker
from klaroen.core.records import Store
from klaroen.core.selfaudit import Check
from klaroen.core.snapshot import Snapshot
from klaroen.dispatch.agenda import Agenda
from klaroen.dispatch.bell import Bell
from klaroen.dispatch.closed_ids import ClosedIds, Late
from klaroen.dispatch.kept import Backlog, Kept
from klaroen.dispatch.letters import Letters
from klaroen.dispatch.mandates import Mandates
from klaroen.dispatch.narrator import Narrator
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.page import Page
from klaroen.dispatch.quiet import QuietMembers
from klaroen.dispatch.register_index import RegisterIndex
from klaroen.dispatch.station import Station
from klaroen.register.book import Book
from klaroen.settings import Settings
from klaroen.store.trio_writer import AsyncWriter
from klaroen.telemetry import DispatchMetrics

log = structlog.get_logger()

T = TypeVar("T")

UNDRAINED_MAX: Final = 200_000
"""Receipts that are durable and not applied: two countries', some 50 MB. Beyond, carriers are asked to repeat."""
STANDSTILL_MS: Final = 1_000
"""What is done so long after it was due comes after a stop of the whole process, or of the machine."""
INSIST_S: Final = 0.5
"""Pause before a write is tried again on a disk that refuses."""


class Desk:
    """The open alerts, the carriers, the register and the agenda."""

    recorder: Recorder | None = None
    """Set where recordings are taken."""
    sealer: Sealer | None = None
    """Set where the audit trail is sealed."""
    without_feedback = 0
    """Alerts that owe feedback, as the last sweep found them (R18)."""

    @cached_property
    def enrolling(self) -> trio.Lock:
        """Of who makes a new version of the register, up to its being in force."""
        return trio.Lock()

    @cached_property
    def unhurried(self) -> trio.Lock:
        """Of who accepts what can wait: one at a time, and warm ones go between."""
        return trio.Lock()

    def __init__(
        self,
        settings: Settings,
        store: Store,
        writer: AsyncWriter,
        clock: Clock,
        metrics: DispatchMetrics,
        owner: str,
        address_key: bytes,
        book: Book,
        speaker: Speaker | None = None,
    ) -> None:
        self.settings, self.store, self.writer, self.clock = settings, store, writer, clock
        self.metrics, self.owner, self.address_key, self.book = metrics, owner, address_key, book
        self.narrator, self.chance = Narrator(speaker), random.Random()
        self.alerts: OrderedDict[AlertId, OpenAlert] = OrderedDict()
        self.stations: dict[CarrierName, Station] = {}
        self.drills: dict[CarrierName, Station] = {}
        self.agenda = Agenda()
        self.tokens: dict[str, Token] = {}
        self.tokens_changed = False
        self.imported = Snapshot(0, {}, {}, (), (), ((), (), (), ()))
        """The register as it was imported, without what was decided since."""
        self.register = RegisterIndex(self.imported)
        self.mandates, self.quiet = Mandates(), QuietMembers()
        self.last_batch = BatchId(0)
        self.exposed = 0
        """Deliveries below a durable cursor whose outcome is not durable: what a crash would leave in doubt."""
        self.queue: list[Page] = []
        """Pages with something for the next commit."""
        self.writing: Sequence[Page] = ()
        """Those of the commit that is under way."""
        self.drained: list[int] = []
        self.matched: list[int] = []
        self.accepting: dict[tuple[str, str], trio.Event] = {}
        """Idempotency keys (token, key) whose first call is under way."""
        self.succession, self.deciding = trio.Lock(), trio.Lock()  # of corrections; of grants, stops and quiet members
        self.changed: set[AlertId] = set()
        """Alerts whose status is to be pushed."""
        self.findings: dict[tuple[Check, str], str] = {}
        self.audited_at, self.late_at, self.heard_from = clock.now(), Instant(0), Instant(0)
        """What does not add up; when it was looked for; when this loop was late; since when we listen without a gap."""
        self.store_works, self.draining = True, False
        self.feed_bell, self.commit_bell = Bell(), Bell()
        self.commits = trio.lowlevel.ParkingLot()
        """Who waits for the next commit."""
        self.gathered = self.committed = 0
        """Commits that were begun, and those of them that are durable: one at most is under way."""
        self.drain_bell, self.timer_bell, self.push_bell = Bell(), Bell(), Bell()
        self.backlog: deque[Backlog] = deque()
        """Durable receipts that are not drained."""
        self.orphans: list[tuple[Station, list[Kept]]] = []
        """Receipts that match nothing, to be written."""
        self.over: deque[OpenAlert] = deque()
        """Alerts whose account is to be closed."""
        self.over_bell = Bell()
        self.closed: dict[CarrierName, ClosedIds] = {}
        self.late: dict[AlertId, deque[Late]] = {}
        """Carrier ids of closed alerts' batches, and the receipts that came for alerts which are over."""
        self.letters = Letters()

    @property
    def something_to_write(self) -> bool:
        return bool(
            not self.store_works  # an empty commit, to see whether it does again
            or self.queue
            or self.drained
            or self.matched
            or self.orphans
            or any(station.received for station in self.all_stations())
        )

    def store_fails(self, error: StoreUnavailableError) -> None:
        """The disk did not take something: nothing is promised, nothing leaves, and nobody is heard until it does."""
        self.heard_from = self.clock.now()
        if self.store_works:
            self.store_works = False
            log.error("store cannot write", words=str(error))
            self.push_bell.ring()
            self.commit_bell.ring()

    @property
    def hears(self) -> bool:
        """Whether more receipts may come in; a carrier repeats what it is not acknowledged."""
        return sum(len(one.rows) for one in self.backlog) < UNDRAINED_MAX

    @property
    def at_rest(self) -> bool:
        """Whether nothing changes but by an event: no alert is open, and nothing is in the air."""
        return not self.alerts and all(station.at_rest for station in self.all_stations())

    @property
    def booked(self) -> int:
        """Outcomes that the next commit makes durable: what it covers besides may take their room."""
        return sum(page.booked for page in self.queue)

    def heed_standstill(self, due: Instant) -> bool:
        """Say whether what was due then is so late that we stood still: what came meanwhile lies unread."""
        now = self.clock.now()
        if now - due < STANDSTILL_MS:
            return False
        self.heard_from = now
        return True

    async def durable(self, commit: int) -> None:
        """Return once the commit of this number is on disk: what is queued now goes with number `gathered` + 1."""
        while self.committed < commit:
            await self.commits.park()

    async def insist(self, method: Callable[..., T], *args: Any) -> T:
        """Write, and try again for as long as the store cannot: for what has happened already."""
        while True:
            try:
                return await self.writer.write(method, *args)
            except StoreUnavailableError:
                await trio.sleep(INSIST_S)

    def number_batch(self) -> BatchId:
        self.last_batch = BatchId(self.last_batch + 1)
        return self.last_batch

    def all_stations(self) -> Iterator[Station]:
        yield from self.stations.values()
        yield from self.drills.values()

    def fleet(self, drill: bool) -> Mapping[CarrierName, Station]:
        """Return the live carriers or those for drills: no work ever crosses."""
        return self.drills if drill else self.stations

    def channels(self, drill: bool) -> frozenset[Channel]:
        return frozenset(channel for station in self.fleet(drill).values() for channel in station.channels)

    def take_register(self, snapshot: Snapshot) -> None:
        """This version holds for whatever is accepted from now on."""
        self.imported = snapshot
        self.register = RegisterIndex(self.mandates.over(snapshot))
        self.register.prepare(self.clock.now())

    def relay_register(self) -> None:
        """A halt was put over the register, or lifted."""
        self.register.snapshot = self.mandates.over(self.imported)
        self.register.prepare(self.clock.now())

    def touch(self, page: Page) -> None:
        """The page has something for the next commit."""
        if not page.queued:
            page.queued = True
            self.queue.append(page)
            self.commit_bell.ring()
        self.changed.add(page.opened.alert.id)

    def make_ready(self, page: Page) -> None:
        """A batch that is durable becomes due now or at its instant."""
        due = page.batch.due_at
        if due > self.clock.now():
            self.call_while_open(page.batch.alert, due, partial(self._come_due, page.batch.id))
        else:
            self._offer(page)

    def _come_due(self, batch: BatchId, opened: OpenAlert) -> None:
        self._offer(opened.pages[batch])

    def _offer(self, page: Page) -> None:
        if page.state != "ready" or page.grounded:
            return
        self.agenda.add(page)
        batch = page.batch
        for station in self.fleet(batch.mode == "drill").values():
            station.bell.ring()

    def call_at(self, at: Instant, what: Callable[[], None]) -> None:
        self.agenda.call_at(at, what)
        self.timer_bell.ring()

    def call_while_open(self, alert: AlertId, at: Instant, what: Callable[[OpenAlert], None]) -> None:
        """The same, unless the alert is over by then: a timer must not keep one in memory that expires in days."""
        self.call_at(at, partial(self._call_if_open, alert, what))

    def _call_if_open(self, alert: AlertId, what: Callable[[OpenAlert], None]) -> None:
        opened = self.alerts.get(alert)
        if opened is not None:
            what(opened)

    def room(self, station: Station) -> int:
        """Return how many more submissions of this carrier may be in doubt.

        Of half of what all may have, each keeps its share whatever the others hold: a carrier that does not answer
        would else stop every other one until its deadlines pass. It keeps no more than it can use: a tenth of a second
        of its rate, and without work a turn's worth [kept whole for idle ones, a national alert took a tenth longer].
        """
        most, fleet = self.settings.dispatch.unjournaled_max, self.fleet(station.drill)
        share = most // (2 * len(fleet))
        others = (one for one in fleet.values() if one is not station and one.usable)
        uses = ((one, one.soon if self.has_work(one) else one.worth_a_turn) for one in others)
        return most - self.exposed - sum(max(0, min(share, use) - len(one.in_flight)) for one, use in uses)

    def has_work(self, station: Station) -> bool:
        """Whether anything may be there for this carrier: what it holds, or a batch that is due on a channel of its."""
        return bool(station.held) or any(
            self.agenda.queue(station.drill, channel, lane) for channel in station.channels for lane in station.lanes
        )

    def ring_stations(self) -> None:
        for station in self.all_stations():
            station.bell.ring()

    def lanes_waiting(self) -> bool:
        """Whether any lane has work that could leave now."""
        return any(page.opened.may_fly for page in self.agenda.ready()) or any(
            page.opened.may_fly and page.sheet.left for station in self.all_stations() for page in station.held.values()
        )
