"""What an audit has found, counted by its kind.

Law: of each kind a few members are named, by id, whom somebody may look into.
"""

from collections import defaultdict
from typing import Final

OFFENDERS_MAX: Final = 5
"""Members named for each fault: enough to look into, too few to be a list of people."""


class Faults:
    def __init__(self) -> None:
        self.counts: dict[str, int] = defaultdict(int)
        self.offenders: dict[str, list[str]] = defaultdict(list)

    def add(self, fault: str, member: str, count: int = 1) -> None:
        self.counts[fault] += count
        if len(self.offenders[fault]) < OFFENDERS_MAX and member not in self.offenders[fault]:
            self.offenders[fault].append(member)
