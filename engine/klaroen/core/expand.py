"""From an audience to batches, a bounded piece at a time.

Law: what stands before the cursor stands in batches, whole; so expansion goes on after a crash where it stopped, and
no delivery is in two batches of the same rung.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from klaroen.core.audience import Audience, Group
from klaroen.core.model import Alert, Batch, BatchId, CarrierName, Channel, Instant, Language, Step
from klaroen.core.plan import CompiledPlan, first_untried, ladder, local_minute, orders_at

CONTACTS_FIRST: Final = 1 << 31
"""Numbers of an audience from here on are coordinators and officers: members' stay below, being some 100,000."""
BATCH_MAX: Final = 1_000
"""Deliveries in a batch: the unit of queue, lease and journal [row-per-job 13k/s, batch 137-248k/s]."""


class Planner(Struct, frozen=True):
    """How one alert chooses its steps: the plan versions it was accepted with, and the channels it offers."""

    plans: tuple[CompiledPlan, ...]
    """By index of `Alert.networks`."""
    offers: frozenset[Channel]
    urgent: bool
    reserve: frozenset[Channel] = frozenset()
    """What the alert may go by, whether a carrier serves it now or not."""

    held: frozenset[int] = frozenset()
    """Networks whose members wait `hold_ms` for a coordinator's word (R11)."""
    hold_ms: int = 0
    shut: frozenset[int] = frozenset()
    """Networks that permit nothing any more."""

    def step(self, group: Group, tried: Sequence[Step], at: Instant) -> Step | None:
        """Return the group's next step at this hour: asked anew whenever one falls due (R14, R15)."""
        return self._step([index for index in group.networks if index not in self.shut], group, tried, at, self.offers)

    def first_step(self, group: Group, at: Instant, accepted_at: Instant) -> Step | None:
        """Return the step to begin with.

        Whose carriers are gone since acceptance, whose networks are shut, or whose plans permit nothing at this hour
        stands in a batch all the same, and so has an end.
        """
        return self.step(group, (), at) or self._step(group.networks, group, (), accepted_at, self.reserve)

    def _step(
        self, networks: Sequence[int], group: Group, tried: Sequence[Step], at: Instant, offers: frozenset[Channel]
    ) -> Step | None:
        orders = orders_at([self.plans[index] for index in networks], self.urgent, local_minute(at))
        return first_untried(ladder(orders, group.preference, group.addresses, offers), tried)


class Route(Struct, frozen=True, gc=False):
    """What the deliveries of one batch have in common, history included."""

    step: Step
    language: Language
    due_at: Instant
    rung: int = 0
    attempt_no: int = 0
    deferrals: int = 0
    tried: tuple[Step, ...] = ()
    passed: tuple[CarrierName, ...] = ()
    only: CarrierName | None = None
    possible_duplicate: bool = False


class Cargo(Struct, frozen=True):
    """What makes a batch of a route: the alert's waits and lengths by channel."""

    alert: Alert
    waits: Mapping[Channel, float]
    parts: Mapping[Language, int]
    """Segments of each language's text by SMS."""
    restored: bool = False
    """It comes from a backup: what is not known to have left may have, so that all of it may be a second copy."""

    def batch(self, number: BatchId, route: Route, deliveries: "array[int]") -> Batch:
        sms = route.step.channel == "sms"
        return Batch(
            id=number,
            alert=self.alert.id,
            alert_class=self.alert.alert_class,
            mode=self.alert.mode,
            step=route.step,
            rung=route.rung,
            attempt_no=route.attempt_no,
            language=route.language,
            wait_s=self.waits[route.step.channel],
            due_at=route.due_at,
            deliveries=deliveries.tobytes(),
            tried=route.tried,
            passed=route.passed,
            only=route.only,
            possible_duplicate=route.possible_duplicate or self.restored,
            deferrals=route.deferrals,
            parts=self.parts[route.language] if sms else 1,
        )

    def batches(self, routes: "Mapping[Route, array[int]]", number: Callable[[], BatchId]) -> list[Batch]:
        """Return batches of at most `BATCH_MAX` deliveries, route by route."""
        return [
            self.batch(number(), route, deliveries[start : start + BATCH_MAX])
            for route, deliveries in routes.items()
            for start in range(0, len(deliveries), BATCH_MAX)
        ]


def expand(
    audience: Audience,
    planner: Planner,
    first: int,
    count: int,
    accepted_at: Instant,
    begun_at: Instant | None = None,
) -> "tuple[dict[Route, array[int]], int]":
    """Return the routes of some `count` deliveries from `first` on, whole groups at a time, and the new cursor.

    Those who cannot be reached are passed over. The first step is the one of the hour at which the alert may begin; if
    none is open then, that of its acceptance, when there was one.
    """
    routes: dict[Route, array[int]] = {}
    begun_at = begun_at or accepted_at
    cursor = first
    for start, end, group in audience.spans_from(first):
        if cursor - first >= count:
            break
        step = None if group.reason else planner.first_step(group, begun_at, accepted_at)
        if step is not None:
            held = planner.held.issuperset(group.networks) and audience.members[start] < CONTACTS_FIRST
            due_at = Instant(begun_at + planner.hold_ms) if held else begun_at
            route = Route(step, group.language, due_at)
            routes.setdefault(route, array("I")).extend(range(start, end))
        cursor = end
    return routes, cursor
