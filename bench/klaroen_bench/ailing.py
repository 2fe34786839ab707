"""What is done to a carrier, and what is read of it afterwards: how soon it was noticed, left, and used again.

Law: pure. Instants are UTC seconds; deliveries are those of the API.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from klaroen_bench.alerting import instant_s


class Ailment(Struct, frozen=True):
    """`begin` and `end` are commands of a simulated carrier; without an end it ends by itself after its seconds."""

    name: str
    seconds: float
    begin: Mapping[str, object]
    end: Mapping[str, object] | None = None
    after_s: float = 25.0
    """It is watched for so long after it has ended: the pause before a trial may have doubled twice."""


ANSWER_S: Final = 2.0
"""An answer that took longer came from a carrier that had gone silent."""

AILMENTS: Final = (
    Ailment("blackout", 15.0, {"do": "blackout", "seconds": 15.0}),
    Ailment("reset", 10.0, {"do": "blackout", "seconds": 10.0, "mode": "reset"}),
    Ailment("brownout", 20.0, {"do": "brownout", "factor": 10.0}, {"do": "brownout", "factor": 1.0}),
    Ailment("throttle", 20.0, {"do": "throttle"}, {"do": "work"}),
    Ailment("lie", 35.0, {"do": "lie"}, {"do": "work"}, after_s=45.0),  # a trial takes 15 s to show what arrives
)


class Glance(Struct, frozen=True):
    """A carrier as `GET /v1/carriers` told it at one instant."""

    at_s: float
    condition: str
    breaker: str
    up: bool

    @property
    def is_left(self) -> bool:
        return self.condition != "well" or self.breaker != "closed" or not self.up


class Spell(Struct, frozen=True):
    """When a carrier ailed, and what it was seen to be meanwhile and afterwards."""

    ailment: Ailment
    begun_at_s: float
    ended_at_s: float
    glances: Sequence[Glance]

    @property
    def noticed_s(self) -> float | None:
        """From the beginning to the first glance that says so."""
        at = next((one.at_s for one in self.glances if one.is_left), None)
        return None if at is None else round(at - self.begun_at_s, 2)

    @property
    def well_s(self) -> float | None:
        """From the end of the ailment to when it was well again and stayed so."""
        ill = [one.at_s for one in self.glances if one.is_left]
        if not ill or ill[-1] == self.glances[-1].at_s:
            return None
        return round(max(0.0, ill[-1] - self.ended_at_s), 2)

    @property
    def seen(self) -> list[str]:
        """What it was called, in order of first sight."""
        return list(dict.fromkeys(one.condition for one in self.glances if one.condition != "well"))


class Moved(Struct, frozen=True):
    """What was due while a carrier ailed: the wait of what it had not taken, and how many were in doubt."""

    waits_s: Sequence[float]
    in_doubt: int


def read_moved(deliveries: Iterable[Mapping[str, Any]], carrier: str, posted_at_s: float, spell: Spell) -> Moved:
    """Return how long the text messages of one alert waited for a carrier from when they were due and it ailed.

    What the ailing carrier was handed and had not answered is in doubt: it waits for a receipt, and cannot be moved.
    """
    waits, in_doubt = [], 0
    since = max(posted_at_s, spell.begun_at_s)
    for delivery in deliveries:
        texts = [one for one in delivery["attempts"] if one["channel"] == "sms"]
        if any(_doubtful(one, carrier, spell) for one in texts):
            in_doubt += 1
            continue
        taken = [instant_s(one["answered_at"]) for one in texts if one["outcome"] in ("accepted", "delivered")]
        if taken and taken[0] >= spell.begun_at_s:
            waits.append(taken[0] - since)
    return Moved(waits, in_doubt)


def _doubtful(attempt: Mapping[str, Any], carrier: str, spell: Spell) -> bool:
    """Say whether the carrier had it, and answered when it was over or not at all."""
    if attempt["carrier"] != carrier or attempt["submitted_at"] is None:
        return False
    submitted_s = instant_s(attempt["submitted_at"])
    answered_s = float("inf") if attempt["answered_at"] is None else instant_s(attempt["answered_at"])
    in_spell = submitted_s < spell.ended_at_s and answered_s >= spell.begun_at_s
    return in_spell and (attempt["outcome"] == "unknown" or answered_s - submitted_s > ANSWER_S)


def busiest_second(times_s: Iterable[float]) -> int:
    """Return the most that came within any second."""
    ordered, first, most = sorted(times_s), 0, 0
    for place, at in enumerate(ordered):
        while ordered[first] <= at - 1.0:
            first += 1
        most = max(most, place - first + 1)
    return most
