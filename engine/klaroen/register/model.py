"""The register as one value, and what was wrong with a file that would have become it.

Law: an import is all or nothing, and tells every fault at once, by line. A fault names file, line, field and rule, and
never repeats what stood there: members' numbers and names stay out of errors.
"""

from typing import Final

from msgspec import Struct

from klaroen.core.model import Member, Network, Zone

FAULTS_MAX: Final = 1_000
"""Faults listed one by one: more than anyone reads; the rest are counted, so that a wrong file costs no memory."""


class Register(Struct, frozen=True):
    """Zones, networks and members, each id once, in the order in which they were read."""

    zones: tuple[Zone, ...] = ()
    networks: tuple[Network, ...] = ()
    members: tuple[Member, ...] = ()


class Fault(Struct, frozen=True):
    """One thing wrong in one place; line 0 is the file as a whole."""

    file: str
    line: int
    field: str
    rule: str | None
    words: str

    def __str__(self) -> str:
        rule = f" ({self.rule})" if self.rule else ""
        return f"{self.file}:{self.line}: {self.field}: {self.words}{rule}"


class RegisterFaults(Exception):  # noqa: N818 - it carries many, and says so
    """Why nothing was imported: the first faults in the order of the files, and how many there are in all."""

    def __init__(self, faults: tuple[Fault, ...], total: int) -> None:
        super().__init__(f"{total} faults; the first: {faults[0]}" if total > 1 else str(faults[0]))
        self.faults = faults
        self.total = total


class FieldError(ValueError):
    """What one field breaks; whoever reads the line adds where it stands."""

    def __init__(self, words: str, rule: str | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.rule = rule


class Faults:
    """Gathers the faults of one import."""

    def __init__(self) -> None:
        self._listed: list[Fault] = []
        self._total = 0

    def add(self, file: str, line: int, field: str, words: str, rule: str | None = None) -> None:
        self._total += 1
        if len(self._listed) < FAULTS_MAX:
            self._listed.append(Fault(file, line, field, rule, words))

    def __len__(self) -> int:
        return self._total

    def raise_any(self) -> None:
        """Raise RegisterFaults if there is one. Files come in the order in which they were read, lines ascending."""
        if self._total:
            files = list(dict.fromkeys(fault.file for fault in self._listed))
            listed = sorted(self._listed, key=lambda fault: (files.index(fault.file), fault.line))
            raise RegisterFaults(tuple(listed), self._total)
