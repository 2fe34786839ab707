"""What a rig sets up: how many people, which carriers, and how these behave.

Law: the defaults are the contract's; what a demonstration or a benchmark changes of them, its report says.
"""

from msgspec import Struct


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


class Plan(Struct, frozen=True):
    """What the rig sets up."""

    members: int
    networks: int
    seed: int
    conditions: Conditions = Conditions()
    carriers: tuple[SmsCarrier, ...] = (SmsCarrier("alpha"), SmsCarrier("beta"))
    sms_s: float = 10.0
    """Shorter than the default minute, so that a demonstration ends while somebody watches."""
    call_s: float = 15.0
    unjournaled_max: int = 1_000
