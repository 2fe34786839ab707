"""What a demonstration sees of the running system at one moment, and what has changed since the last.

Law: pure. Everything in it comes from the HTTP API, or from the simulated carriers' own counters.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

FINAL: Final = frozenset({"done", "cancelled", "superseded", "expired"})
STATES: Final = ("reached", "handed_over", "pending", "failed", "expired", "cancelled", "unreachable")
"""The seven that sum to the members, in the order in which they are shown."""
CHANNELS: Final = ("sms", "voice", "tts", "email", "whatsapp")
"""In the order in which they are shown."""
Kind = Literal["fault", "mended", "note"]
RATE_S: Final = 1.0
"""A rate is told over at least so long, or it would flicker."""


class Sight(Struct, frozen=True):
    at_s: float
    """Since the alert was posted."""
    status: Mapping[str, Any]
    carriers: Sequence[Mapping[str, Any]]
    """As `GET /v1/carriers` has them; empty before the first answer."""
    accepted: Mapping[str, int]
    """By carrier, what it has counted itself."""
    answers: bool = True
    """Whether the API does."""
    calls: Mapping[str, int] = {}
    """How calls stand and ended, as the trunk counts them itself; empty without one."""


def channel_views(status: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the channels of a status, each with its figures, in an order that does not change."""
    views: Mapping[str, Mapping[str, Any]] = status.get("channels", {})
    return [(channel, views[channel]) for channel in CHANNELS if channel in views]


def call_counts(counters: Mapping[str, int]) -> dict[str, int]:
    """Return how calls stand, and how many were answered or not, from a trunk's counters."""
    not_taken = ("busy", "no_answer", "cancelled", "rejected", "number_invalid")
    return {
        "ringing": counters.get("ringing", 0),
        "talking": counters.get("up", 0),
        "answered": counters.get("answered", 0),
        "not taken": sum(counters.get(f"ended_{end}", 0) for end in not_taken),
    }


class Event(Struct, frozen=True):
    at_s: float
    kind: Kind
    words: str


def events_between(before: Sight | None, after: Sight) -> Iterator[Event]:
    """Yield what happened to carriers and the API, as an operator would be told."""
    if before is None:
        return
    if before.answers and not after.answers:
        yield Event(after.at_s, "fault", "the API asks for patience (503)")
    elif after.answers and not before.answers:
        yield Event(after.at_s, "mended", "the API answers again")
    known = {one["name"]: one for one in before.carriers}
    for one in after.carriers:
        earlier = known.get(one["name"])
        if earlier is not None:
            yield from _changes(after.at_s, earlier, one)


def _changes(at_s: float, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Event]:
    name = after["name"]
    if before["up"] and not after["up"]:
        yield Event(at_s, "fault", f"{name}: link down ({after['words']})")
    elif after["up"] and not before["up"]:
        yield Event(at_s, "mended", f"{name}: link up")
    if before["breaker"] != after["breaker"]:
        words = {
            "open": "breaker open: its work goes to the others",
            "half_open": "breaker half open: one message at a time",
            "closed": "breaker closed: it has its share again",
        }
        kind: Kind = "fault" if after["breaker"] == "open" else "mended"
        yield Event(at_s, kind, f"{name}: {words[after['breaker']]}")


class Rates:
    """How many a second, over the last second or so, of counts that only grow."""

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[float, int]]] = {}

    def see(self, name: str, at_s: float, count: int) -> float:
        """Note a count; return its rate."""
        seen = self._seen.setdefault(name, [])
        seen.append((at_s, count))
        while len(seen) > 2 and at_s - seen[1][0] >= RATE_S:
            del seen[0]
        first_at_s, first = seen[0]
        return max(0, count - first) / (at_s - first_at_s) if at_s > first_at_s else 0.0
