"""One carrier as dispatch holds it: its pace, its health, what is in its hands and what it told.

Law: a station's `pace` changes only here and in its flight, each time by a pure function of `core/pace`.
"""

from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Final

from klaroen.core import health as healths
from klaroen.core import pace as paces
from klaroen.core.ids import REFERENCES
from klaroen.core.journal import REF_JOINT
from klaroen.core.lanes import Lanes
from klaroen.core.model import CLASSES, AlertClass, AlertId, AttemptId, Batch, CarrierName, Channel, Instant
from klaroen.core.ports import Carrier, Receipt
from klaroen.core.state import MultipartRule
from klaroen.dispatch.bell import Bell
from klaroen.dispatch.orphans import Orphans
from klaroen.dispatch.page import Flown, Page
from klaroen.settings import CarrierSettings, Sim
from klaroen.telemetry.dispatch import OutcomeLabel, ReceiptLabel

if TYPE_CHECKING:
    from klaroen.core.records import References
    from klaroen.dispatch.kept import Phased

ANSWER_MS: Final = 10_000
"""An envelope without an answer by then is `Unknown`: as long as SMPP sessions usually wait for a response."""
SLICE_MIN: Final = 100
"""Free segments of the window that are worth a turn: a turn costs as much as twenty envelopes."""

TURN_S: Final = 0.02
"""A carrier's rate is spent in pieces of so long [2,000 segments a second one by one took a whole core]."""
SOON_S: Final = 0.1
"""A carrier's answer takes less, as a rule."""
ARRIVALS_MAX: Final = 200
"""Enough for a percentile, and few enough to follow a carrier that becomes slower."""


class Experience:
    """What a carrier has shown on one channel since the start: how much is proved to arrive, and how soon."""

    __slots__ = ("arrivals_ms", "proved", "taken")

    def __init__(self) -> None:
        self.taken = 0
        self.proved = 0
        self.arrivals_ms: deque[int] = deque(maxlen=ARRIVALS_MAX)
        """From hand-over to proof: one of each list of receipts, the latest."""

    def prove(self, count: int, waited_ms: int) -> None:
        self.proved += count
        self.arrivals_ms.append(waited_ms)


class Station:
    """A configured carrier account, live or drill."""

    def __init__(self, settings: CarrierSettings, carrier: Carrier, *, drill: bool, now: Instant) -> None:
        self.settings = settings
        self.carrier = carrier
        self.drill = drill
        self.name: CarrierName = settings.name
        self.channels: tuple[Channel, ...] = settings.channels
        self.lanes: tuple[AlertClass, ...] = settings.lanes or CLASSES
        self.cost_eur = settings.cost_eur
        self.keyed = settings.keyed
        self.names_attempts = settings.names_attempts
        self.rule: MultipartRule = settings.multipart_rule
        self.pace = paces.make_pace(settings.paced_per_s, settings.lines_max, now, silence_ms=settings.silence_ms)
        self.turns = Lanes(settings.paced_per_s)
        self.served: dict[AlertClass, dict[AlertId, int]] = {lane: {} for lane in CLASSES}
        self.taken = 0.0
        """Segments claimed, over weight and health: what decides between carriers of a channel."""
        self.health = healths.Health()
        self.experience = {channel: Experience() for channel in settings.channels}
        self.avoided = False
        self.link_up = False
        self.words = "not connected yet"
        self.bell = Bell()
        self.stirs = Bell()
        """An alert is open: who watches over the carrier while nothing is has slept until now."""
        self.held: dict[AlertId, Page] = {}
        """The page in flight of each alert: at most one."""
        self.in_flight: dict[AttemptId, Flown] = {}
        self.refs: dict[str, Flown] = {}
        """By the carrier's ids of open alerts' attempts, or of their parts."""
        self.attempts: dict[AttemptId, Flown] = {}
        """By our own key, where the carrier's receipts may name it."""
        self.calls: dict[AttemptId, Flown] = {}
        """Calls that hold a line, from their hand-over until they have ended, in the order of their hand-over."""
        self.orphans = Orphans()
        self.unsettled: dict[int, list[Flown]] = defaultdict(list)
        """By user_message_reference: attempts whose outcome is unknown."""
        self.outcomes: Counter[tuple[Channel, OutcomeLabel]] = Counter()
        self.states: Counter[ReceiptLabel] = Counter()
        self.euros: dict[Channel, float] = {}
        """What the metrics have not been told yet."""
        self.faults: dict[str, int] = {}
        self.received: list[Receipt] = []
        """Not durable yet."""
        self.phased: list[Phased] = []
        """What was said of calls after them."""
        self.closed: list[References] = []
        self.next_reference = 0

    @property
    def usable(self) -> bool:
        """Whether new work may go to it: connected, not avoided, its breaker not open."""
        return self.link_up and not self.avoided and self.pace.breaker != "open"

    @property
    def well(self) -> bool:
        """Whether nothing is held against it: one that ails is handed what no other can carry, and a few to try it."""
        return healths.is_well(self.health)

    def falters(self, now: Instant) -> bool:
        """Whether it is not what it should be at this moment: then the next messages go to another, if one is calm."""
        return healths.falters(self.health, paces.silent_ms(self.pace, now))

    @property
    def at_rest(self) -> bool:
        """Whether nothing is in the air: as long as no alert is open, nothing of it then changes but by an event."""
        return not (self.in_flight or self.calls or self.held)

    def carries(self, batch: Batch) -> bool:
        """Whether batches of this channel and class are its business at all."""
        return batch.step.channel in self.channels and batch.alert_class in self.lanes

    @property
    def simulated(self) -> bool:
        return isinstance(self.settings, Sim)

    @property
    def is_roomy(self) -> bool:
        """Whether a turn is worth its while: a quarter of the window is free, or a slice of it, and the rate is up."""
        pace = self.pace
        if pace.breaker == "half_open":
            return True
        free = pace.window - pace.used
        return free >= min(SLICE_MIN, max(1, pace.window // 4)) and pace.tokens >= self.worth_a_turn

    @property
    def worth_a_turn(self) -> int:
        """Segments for which a carrier held back by its rate alone is not asked sooner."""
        return min(SLICE_MIN, max(1, int(self.pace.allowed_per_s * TURN_S)))

    @property
    def soon(self) -> int:
        """Segments, or calls, that its rate lets leave before the first of them are answered."""
        return max(1, int(self.pace.allowed_per_s * SOON_S))

    def hang_up(self, attempt: AttemptId) -> Flown | None:
        """The call has ended, or never was: return who held a line, which is free from now on, or None."""
        flown = self.calls.pop(attempt, None)
        if flown is not None:
            self.pace = paces.hang_up(self.pace, 1)
            self.bell.ring()
        return flown

    def knows(self, page: Page) -> bool:
        """Whether its receipts name these attempts by our own id: those of calls always do."""
        return self.names_attempts or page.is_call

    def learn(self, flown: Flown, refs: str) -> None:
        """Receipts may name an attempt, or a part of it, by each of these ids."""
        for ref in refs.split(REF_JOINT):
            if ref:
                self.refs[ref] = flown

    def take_references(self, count: int) -> int:
        """Return the first of `count` consecutive references of 16 bits."""
        first = self.next_reference
        self.next_reference = (first + count) % REFERENCES
        return first

    def answered(self, segments: int, troubled: int, took: int, *, throttled: bool, now: Instant) -> None:
        """Some submissions were answered: `took` by yes, `troubled` by something that condemns the carrier."""
        had_room = self.is_roomy and self.pace.breaker == "closed"
        self.pace = paces.settle(self.pace, segments, troubled, now)
        good = 1.0 - troubled / segments if segments else 1.0
        self.health = healths.answered(self.health, good, took, throttled, now)
        if self.is_roomy and not had_room:
            self.bell.ring()
