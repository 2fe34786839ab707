"""The storm of `klaroen demo --storm`: when a carrier goes dark and when dispatch is killed, and what that cost.

Law: pure. It is given the time and the carriers' own counters, and says what is to be done; who asks it does it.
"""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

Counters = Mapping[str, Mapping[str, int]]
"""By carrier, what it counts."""

BLACKOUT_SHARE: Final = 0.3
"""Of the expected submissions accepted: then one carrier goes dark ..."""
KILL_SHARE: Final = 0.6
"""... and then dispatch is killed, while the first is still dark if the engine is quick."""
BLACKOUT_S: Final = 5.0


class Blackout(Struct, frozen=True):
    """Mute for so long, with its connections open: what no time-out of TCP tells."""

    carrier: str
    seconds: float


class Kill(Struct, frozen=True):
    role: Literal["dispatch"]


Act = Blackout | Kill


class Storm:
    """One blackout and one kill -9, each at its share of the expected submissions."""

    def __init__(self, dark: str, expected: int) -> None:
        self.dark = dark
        self._blackout_from = expected * BLACKOUT_SHARE
        self._kill_from = expected * KILL_SHARE
        self._bound: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self.blackout_at_s: float | None = None
        self.killed_at_s: float | None = None
        self.handed_over_again_at_s: float | None = None

    @property
    def is_over(self) -> bool:
        """The worst has happened, and something was handed over since."""
        return self.handed_over_again_at_s is not None

    @property
    def restart_to_handover_s(self) -> float | None:
        """From the kill to the next submission that a carrier accepted from the dispatch that came after."""
        if self.killed_at_s is None or self.handed_over_again_at_s is None:
            return None
        return self.handed_over_again_at_s - self.killed_at_s

    def advance(self, now_s: float, counters: Counters) -> Act | None:
        """Return what is to be done now, if anything."""
        accepted = sum(one.get("accepted", 0) for one in counters.values())
        if self.blackout_at_s is None:
            if accepted >= self._blackout_from:
                self.blackout_at_s = now_s
                return Blackout(self.dark, BLACKOUT_S)
        elif self.killed_at_s is None:
            if accepted >= self._kill_from:
                self.killed_at_s = now_s
                self._bound = {name: one.get("binds", 0) for name, one in counters.items()}
                return Kill("dispatch")
        elif self.handed_over_again_at_s is None:
            self._look_for_handover(now_s, counters)
        return None

    def _look_for_handover(self, now_s: float, counters: Counters) -> None:
        """What the killed process had written may be accepted after its death; what follows a new bind is not its.

        The dark carrier says nothing here: when it wakes, both come at once.
        """
        for name, one in counters.items():
            if name == self.dark:
                continue
            accepted = one.get("accepted", 0)
            if one.get("binds", 0) == self._bound.get(name, 0):
                self._before[name] = accepted
            elif accepted > self._before.get(name, accepted):
                self.handed_over_again_at_s = now_s
