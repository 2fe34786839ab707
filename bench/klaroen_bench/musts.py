"""What a benchmark must show, and whether it did: rows of a report, and the exit code.

Law: pure. What was not measured (no percentile is told from fewer than 500 samples) neither holds nor fails: its
`holds` is None. Whoever reads a report finds each must with what was seen beside its bound.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct, to_builtins

TIMES_IDLE: Final = 2.0
MORE_MS: Final = 50.0
"""What somebody may wait beside a load, against idle: either of the two (docs/reliability.md)."""


class Must(Struct, frozen=True):
    """`bound` is what `seen` may be at most, at least, or has to be: the sign says which."""

    case: str
    must: str
    seen: float | None
    sign: str
    bound: float | None

    @property
    def holds(self) -> bool | None:
        if self.seen is None or self.bound is None:
            return None
        if self.sign == "<=":
            return self.seen <= self.bound
        return self.seen >= self.bound if self.sign == ">=" else self.seen == self.bound

    def view(self) -> dict[str, Any]:
        view: dict[str, Any] = to_builtins(self)
        return view | {"holds": self.holds}


def at_most(case: str, must: str, seen: float | None, bound: float | None) -> Must:
    return Must(case, must, seen, "<=", bound)


def at_least(case: str, must: str, seen: float | None, bound: float | None) -> Must:
    return Must(case, must, seen, ">=", bound)


def exactly(case: str, must: str, seen: float | None, bound: float | None) -> Must:
    return Must(case, must, seen, "=", bound)


def happens(case: str, must: str, seen: float | None) -> Must:
    """`seen` is when something happened: None, and it did not."""
    return exactly(case, must, float(seen is not None), 1.0)


def near_idle(case: str, must: str, seen_ms: float | None, idle_ms: float | None) -> Must:
    """At most twice as long as idle, or 50 ms more: whichever is longer."""
    bound = None if idle_ms is None else round(max(TIMES_IDLE * idle_ms, idle_ms + MORE_MS), 2)
    return at_most(case, must, seen_ms, bound)


def all_hold(musts: Iterable[Must]) -> bool:
    """Say whether none of them fails."""
    return all(one.holds is not False for one in musts)


def rows(musts: Sequence[Must]) -> list[dict[str, Any]]:
    """Return them for a report, those that fail first."""
    return [one.view() for one in sorted(musts, key=lambda one: one.holds is not False)]
