"""The elements of a CAP message by name: which may stand where, how often, and with which values.

Law: what CAP 1.2 does not have is refused, not passed over; paths are those of the document, counted from 1.
Source: OASIS Common Alerting Protocol 1.2, 3.2 and 3.4.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from klaroen.core.cap_xml import Element
from klaroen.core.errors import InputError
from klaroen.core.model import Instant

SPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig# Signature"
LEAVES: Final = frozenset({"category", "code", "responseType", "polygon", "circle"})
"""Texts that may come several times."""
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("Actual", "Exercise", "System", "Test", "Draft"),
    "msgType": ("Alert", "Update", "Cancel", "Ack", "Error"),
    "scope": ("Public", "Restricted", "Private"),
    "category": (
        "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other",
    ),
    "urgency": ("Immediate", "Expected", "Future", "Past", "Unknown"),
    "severity": ("Extreme", "Severe", "Moderate", "Minor", "Unknown"),
    "certainty": ("Observed", "Likely", "Possible", "Unlikely", "Unknown"),
}  # fmt: skip
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d", re.ASCII)
_WORDS: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")


class Fields:
    """The children of an element by name, with their paths."""

    def __init__(self, element: Element, path: str) -> None:
        self.path = path
        self._element = element
        self._found: dict[str, list[Element]] = {}
        for child in element.children:
            self._found.setdefault(child.name, []).append(child)

    def check(self, once: frozenset[str], maybe: frozenset[str], lists: Mapping[str, str]) -> None:
        """Raises InputError where a child is missing, is unknown, comes twice, or where text stands between them."""
        known = {f"{SPACE} {name}": name for name in once | maybe}
        several = {full or f"{SPACE} {name}": name for name, full in lists.items()}
        for full, children in self._found.items():
            if full not in known and full not in several:
                raise InputError("invalid", "It holds an element that CAP 1.2 does not have there.", at=self.path)
            if full in known and len(children) > 1:
                raise InputError("invalid", f"`{known[full]}` comes more than once.", at=self.path)
            leaf = full in known or several[full] in LEAVES
            if leaf and any(child.children for child in children):
                words = "It holds elements, where CAP 1.2 has a text."
                raise InputError("invalid", words, at=self._at(full.rpartition(" ")[2]))
        for name in sorted(once):
            if not self.text(name):
                raise InputError("invalid", f"`{name}` must be given.", at=self._at(name))
        if self._element.text.strip():
            raise InputError("invalid", "Text stands between the elements, where it means nothing.", at=self.path)

    def text(self, name: str) -> str:
        """Return the child's text; empty where there is none."""
        found = self._found.get(f"{SPACE} {name}")
        return found[0].text if found else ""

    def all(self, name: str) -> list[tuple[Element, str]]:
        """Return each child of that name with its path, counted from 1."""
        found = self._found.get(f"{SPACE} {name}", [])
        return [(one, f"{self.path}/{name}[{index}]") for index, one in enumerate(found, 1)]

    def choice(self, name: str) -> str:
        return choose(name, self.text(name), self._at(name))

    def named(self, name: str) -> str | None:
        """Return the child's text if it can stand as somebody's name."""
        return self.text(name) if _WORDS.fullmatch(self.text(name)) else None

    def _at(self, name: str) -> str:
        return f"{self.path}/{name}"


def choose(name: str, value: str, at: str) -> str:
    if value not in CHOICES[name]:
        raise InputError("invalid", f"`{name}` is one of {', '.join(CHOICES[name])}.", at=at)
    return value


def read_instant(text: str, at: str) -> Instant:
    """Return a CAP dateTime. Raises InputError."""
    try:
        at_s = datetime.fromisoformat(text).timestamp() if _INSTANT.fullmatch(text) else None
    except (ValueError, OverflowError):  # the 30th of February; the year 0
        at_s = None
    if at_s is None:
        words = "It is a date, a time and an offset, such as 2026-11-26T16:49:00+01:00."
        raise InputError("invalid", words, at=at)
    return Instant(int(at_s * 1000))
