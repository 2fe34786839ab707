"""What happens in one world, as values: who lives there, what is sent, and what goes wrong.

Law: a scenario says when things begin, never how they end; instants are virtual seconds from the world's start. What a
`Cut` leaves out changes nothing of the rest, so that a world shrinks and is still the same seed's.
"""

from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from klaroen.core.model import AlertClass, CarrierName, Channel, Instant, Mode, Window
from klaroen.core.policy import Verb
from klaroen.core.state import MultipartRule

Character = Literal["good", "fair", "poor"]
"""How much of what a carrier is handed goes the way it should."""
When = Literal["before commit", "after commit", "hand-over", "await"]
Kind = Literal["blackout", "brownout", "throttling", "lying", "refusing"]
Ill = Literal["full", "slow"]
Sender = Literal["authority", "coordinator"]


class CarrierDraw(Struct, frozen=True):
    """A simulated carrier as one world has it."""

    name: CarrierName
    channels: tuple[Channel, ...]
    character: Character
    rate_per_s: float
    window: int
    lines: int | None = None
    lanes: tuple[AlertClass, ...] = ()
    keyed: bool = False
    weight: float = 1.0
    rule: MultipartRule = "all"
    outlives: bool = True


class Move(Struct, frozen=True):
    """What is done to an alert, so many seconds after its acceptance."""

    after_s: float
    verb: Verb


class AlertDraw(Struct, frozen=True):
    """An alert as somebody posts it; `kin` is the place of an earlier one that it supersedes, extends or follows."""

    at_s: float
    alert_class: AlertClass
    mode: Mode
    networks: tuple[int, ...]
    text: str
    lives_s: int
    confirm: bool = False
    moves: tuple[Move, ...] = ()
    kinship: Literal["supersedes", "extends", "follows"] | None = None
    kin: int = 0
    sender: Sender = "authority"


# --- what people do besides -------------------------------------------------------------------------------------------


class GrantDraw(Struct, frozen=True, tag=True):
    """The police let the coordinator send to a network for so long, and may withdraw it before."""

    at_s: float
    network: int
    classes: tuple[Literal["cold", "warm"], ...]
    for_s: float
    withdrawn_after_s: float | None


class HaltDraw(Struct, frozen=True, tag=True):
    """The police stop a network, and may have it resumed after so long."""

    at_s: float
    network: int
    resumed_after_s: float | None


class ReplyDraw(Struct, frozen=True, tag=True):
    """A member writes back, so many times, by a carrier's own link or by its webhook."""

    at_s: float
    network: int
    member: int
    text: str
    times: int
    gap_s: float
    by: Literal["link", "webhook"]


class FarewellDraw(Struct, frozen=True, tag=True):
    """A member clicks the link in the cold mail that he has, if he has one."""

    at_s: float
    network: int
    member: int


Doing = GrantDraw | HaltDraw | ReplyDraw | FarewellDraw


# --- what goes wrong --------------------------------------------------------------------------------------------------


class Death(Struct, frozen=True, tag=True):
    """The process dies: from `at_s` on, before or after so many commits, or after so many steps of its tasks."""

    at_s: float
    when: When
    count: int
    away_s: float


class Stop(Struct, frozen=True, tag=True):
    """The process is asked to stop, drains, and is started again."""

    at_s: float
    away_s: float


class Storm(Struct, frozen=True, tag=True):
    """A carrier's link breaks and comes back, again and again."""

    at_s: float
    carrier: int
    cuts: int
    down_s: float
    up_s: float


class Spell(Struct, frozen=True, tag=True):
    """For a while a carrier is not itself: silent, ten times slower, throttling, lying, or refusing."""

    at_s: float
    carrier: int
    kind: Kind
    for_s: float


class Ailing(Struct, frozen=True, tag=True):
    """For a while the disk is full, or slow."""

    at_s: float
    kind: Ill
    for_s: float
    lag_s: float = 0.0


class ClockStep(Struct, frozen=True, tag=True):
    """The machine's clock is set forward or back; whoever starts afterwards reads it."""

    at_s: float
    by_s: float


class Standstill(Struct, frozen=True, tag=True):
    """Everything stands still for a while, as on a suspended machine: whatever was due meanwhile is due at once."""

    at_s: float
    for_s: float


Fault = Death | Stop | Storm | Spell | Ailing | ClockStep | Standstill


class Scenario(Struct, frozen=True):
    seed: int
    starts_at: Instant
    windows: tuple[tuple[Window, ...], ...]
    """One network each."""
    members_each: int
    carriers: tuple[CarrierDraw, ...]
    alerts: tuple[AlertDraw | None, ...]
    """None where it is left out, so that the others keep their places."""
    faults: tuple[Fault | None, ...]
    unjournaled_max: int
    patience_s: tuple[float, float, float]
    """Of a text, of a call, and the grace."""
    doings: tuple[Doing | None, ...] = ()
    shared: int = 0
    """How many members of each network are in the next one too (R5)."""
    landlines: int = 0
    """How many members of each network have one beside their mobile (R14)."""
    four_eyes: tuple[tuple[AlertClass, int], ...] = ()
    """Classes that wait for a second person above so many members."""


# --- less of it -------------------------------------------------------------------------------------------------------

ALL: Final = None


class Cut(Struct, frozen=True):
    """What a world keeps of what its seed draws: places, in order; None keeps all."""

    alerts: tuple[int, ...] | None = ALL
    faults: tuple[int, ...] | None = ALL
    carriers: tuple[int, ...] | None = ALL
    doings: tuple[int, ...] | None = ALL
    members: int | None = ALL

    def of(self, whole: Scenario) -> Scenario:
        """Return the smaller world. A fault of a carrier that is left out goes with it."""
        kept = range(len(whole.carriers)) if self.carriers is None else self.carriers
        faults = tuple(
            fault if _keeps(self.faults, place) and getattr(fault, "carrier", None) in (None, *kept) else None
            for place, fault in enumerate(whole.faults)
        )
        return replace(
            whole,
            members_each=whole.members_each if self.members is None else min(self.members, whole.members_each),
            carriers=tuple(whole.carriers[place] for place in kept),
            doings=tuple(one if _keeps(self.doings, place) else None for place, one in enumerate(whole.doings)),
            alerts=tuple(one if _keeps(self.alerts, place) else None for place, one in enumerate(whole.alerts)),
            faults=tuple(_renumbered(fault, kept) for fault in faults),
        )


def _keeps(places: tuple[int, ...] | None, place: int) -> bool:
    return places is None or place in places


def _renumbered(fault: Fault | None, kept: "range | tuple[int, ...]") -> Fault | None:
    if isinstance(fault, Storm | Spell):
        return replace(fault, carrier=list(kept).index(fault.carrier))
    return fault
