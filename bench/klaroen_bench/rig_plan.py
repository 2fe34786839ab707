"""What a rig sets up: how many people, which carriers, and how these behave.

Law: the defaults are the contract's; what a demonstration or a benchmark changes of them, its report says.
"""

from typing import Any

from msgspec import Struct, to_builtins
from msgspec.structs import replace


class Conditions(Struct, frozen=True):
    """How the simulated carriers behave: the contract's defaults."""

    latency_ms: float = 20.0
    receipts_missing: float = 0.02
    refused: float = 0.01
    repeated: float = 0.01
    late: float = 0.05
    drain_per_s: float = 0.0

    def arguments(self, seed: int) -> list[str]:
        pairs = {
            "--latency-ms": self.latency_ms,
            "--receipts-missing": self.receipts_missing,
            "--refused": self.refused,
            "--repeated": self.repeated,
            "--late": self.late,
            "--drain-per-s": self.drain_per_s,
            "--seed": seed,
        }
        return [word for option, value in pairs.items() for word in (option, f"{value:g}")]

    def view(self) -> dict[str, float | None]:
        """Return the conditions as every report prints them."""
        return {
            "latency_ms": self.latency_ms,
            "receipts_missing": self.receipts_missing,
            "refused": self.refused,
            "repeated": self.repeated,
            "late": self.late,
            "drain_per_s": self.drain_per_s or None,
        }


class SmsCarrier(Struct, frozen=True):
    """One simulated carrier of SMS, and how the engine is told to use it."""

    name: str
    kind: str = "smpp"
    binds: int = 4
    window: int = 250
    rate_per_s: float = 50_000.0
    cost_eur: float = 0.055
    lanes: tuple[str, ...] = ()
    """Kept for these classes; empty: for all."""


class Relay(Struct, frozen=True):
    """One simulated mail relay, and how the engine is told to use it."""

    name: str = "mail"
    connections: int = 8
    rate_per_s: float = 500.0
    """What a submission service of some size takes; a mail waits for nobody, so it need not be more."""


class Trunk(Struct, frozen=True):
    """One simulated SIP trunk, how the engine is told to use it, and how those whom it calls behave.

    Calls take their time: nothing here is faster than life, but a member rings for seconds, not for half a minute.
    """

    name: str = "gamma"
    lines: int = 1_500
    """Three quarters of what one core plays [2,000]: the country's 8,000 calls take two minutes so."""
    calls_per_s: float = 200.0
    """As many as leave the SMS of the same alert the machine [with 100 the whole took 233 s instead of 181]."""
    ring_s: tuple[float, float] = (1.0, 4.0)
    """Until somebody answers, or declines."""
    no_answer_after_s: float = 12.0
    """The engine gives up a call that rings for so long."""
    plays: int = 1
    busy: float = 0.04
    no_answer: float = 0.05
    rejected: float = 0.01
    invalid: float = 0.01
    fault: float = 0.01
    key: float = 0.6
    """Of all who answer, where they are asked for it."""
    other_key: float = 0.02
    hang_up: float = 0.02
    mu_law: float = 0.02
    """Take mu-law and nothing else."""
    cost_eur: float = 0.055
    """A started minute."""

    def arguments(self, seed: int) -> list[str]:
        shares = ("busy", "no_answer", "rejected", "invalid", "fault", "key", "other_key", "hang_up", "mu_law")
        low, high = self.ring_s
        return [
            *(f"--{name.replace('_', '-')}={getattr(self, name):g}" for name in shares),
            f"--ring-s={low:g}:{high:g}",
            f"--lines={self.lines}",
            f"--seed={seed}",
            f"--name={self.name}",
        ]

    def view(self) -> dict[str, Any]:
        """Return the conditions as every report prints them."""
        view: dict[str, Any] = to_builtins(self)
        del view["name"], view["cost_eur"]
        view["ring_s"] = list(self.ring_s)
        return view


def trunk_for(cores: int) -> Trunk:
    """Return a trunk that so many cores can play to, hear, and have room beside: its telephones are here as well."""
    usual = Trunk()
    share = min(cores, 2) / 2
    return replace(usual, lines=round(usual.lines * share), calls_per_s=usual.calls_per_s * share)


class Plan(Struct, frozen=True):
    """What the rig sets up."""

    members: int
    networks: int
    seed: int
    conditions: Conditions = Conditions()
    carriers: tuple[SmsCarrier, ...] = (SmsCarrier("alpha"), SmsCarrier("beta"))
    trunk: Trunk | None = None
    """None: calls go by a carrier of kind `sim`, and nobody hears anything."""
    relay: Relay | None = None
    """None: nobody gets mails."""
    sms_s: float = 10.0
    """Shorter than the default minute, so that a demonstration ends while somebody watches."""
    call_s: float = 15.0
    grace_s: float = 5.0
    unjournaled_max: int = 1_000
    edge_port: int = 0
    """One of its own, where an edge that is started again must be found by those who knew it: a gateway's webhook."""

    def view(self) -> dict[str, Any]:
        """Return how carriers and telephones behave."""
        return self.conditions.view() | {"calls": None if self.trunk is None else self.trunk.view()}
