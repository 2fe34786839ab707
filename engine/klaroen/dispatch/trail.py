"""The audit trail for those who look at it: verified from its first entry on, or exported as it stands.

Law: the trail is read page by page, and what it says of an alert is held against the alert itself.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from klaroen.core import audit
from klaroen.core.audit import Link, head_of
from klaroen.core.calls import ExportAudit, VerifyAudit
from klaroen.core.errors import InputError
from klaroen.core.model import Instant
from klaroen.core.records import Store
from klaroen.core.views import AuditPage, AuditRow, AuditView, rfc3339
from klaroen.seal import SealFault, read_public

PAGE: Final = 500
"""Entries read at once: a national alert's names a thousand networks, some 15 kB."""
PAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of an exported page: a quarter of a frame."""
_HEAD: Final = re.compile(r"([0-9]{1,15}):([0-9a-f]{64})")


def verify(store: Store, question: VerifyAudit) -> AuditView:
    """Follow the whole chain. Call it from a thread. Raises InputError where `head` is none."""
    noted = read_head(question.head) if question.head is not None else None
    number, digest, alerts, faults = 0, audit.ORIGIN, 0, list[str]()
    seals, begins_after, anchor = _Seals(question.keys), 0, ""
    for page in _pages(store):
        before = head_of(number, digest)
        number, digest, fault = audit.first_fault(page, number, digest)
        if noted is not None and page[0].number <= noted[0] <= page[-1].number:
            link = next((one for one in page if one.number == noted[0]), None)
            if link is None or link.digest != noted[1]:
                faults.append(f"entry {noted[0]} is not the one whose hash was noted")
        if fault is not None:
            faults.append(fault)
            break
        for link in page:
            deed = audit.decode(link.entry)
            if not link.entry and link.number == page[0].number and not begins_after:
                begins_after, anchor = link.number, head_of(link.number, link.digest)
            elif deed is None:
                faults.append(f"entry {link.number} cannot be read")
            elif deed.what == "accepted":
                alerts += 1
                faults += _differences(store, link.number, deed)
            elif deed.what == "checkpoint":
                faults += seals.check(link.number, deed, before)
            elif deed.what == "shortened" and deed.head == anchor:
                anchor = ""
            before = head_of(link.number, link.digest)
    else:
        if noted is not None and number < noted[0]:
            faults.append(f"the trail ends at entry {number}: entry {noted[0]} was noted")
    if anchor:
        faults.append(f"the trail begins behind entry {begins_after}, and no entry tells that it was shortened")
    sealed = (seals.count, seals.sealed_to, rfc3339(seals.sealed_at))
    return AuditView(number - begins_after, head_of(number, digest), alerts, tuple(faults), *sealed, begins_after)


def export(store: Store, question: ExportAudit) -> AuditPage:
    """Return the next entries, as many as fit into one answer. Call it from a thread."""
    rows: list[AuditRow] = []
    size = 0
    for link in store.trail(question.after, PAGE):
        size += len(link.entry)
        if rows and size > PAGE_BYTES_MAX:
            break
        rows.append(AuditRow(link.number, link.entry.decode("utf-8", "replace"), link.digest.hex()))
    return AuditPage(tuple(rows))


def read_head(words: str) -> tuple[int, bytes]:
    found = _HEAD.fullmatch(words)
    if found is None:
        raise InputError("invalid", "A head is NUMBER:HASH, as `audit verify` tells it.", at="--head")
    return int(found[1]), bytes.fromhex(found[2])


class _Seals:
    """The checkpoints that were met on the way, and the keys that they are held against."""

    def __init__(self, pems: Sequence[str]) -> None:
        try:
            found = [read_public(pem) for pem in pems]
        except SealFault as error:
            raise InputError("invalid", f"{error}.", at="--key") from None
        self._keys = {key.name: key.holds for key in found}
        self.count = self.sealed_to = 0
        self.sealed_at: Instant | None = None

    def check(self, number: int, deed: audit.Deed, before: str) -> Iterator[str]:
        """Count a checkpoint whose signature holds; yield what is wrong with another."""
        if not self._keys:
            return
        fault = audit.unsealed(deed, before, self._keys)
        if fault is not None:
            yield f"entry {number}, a checkpoint: {fault}"
            return
        self.count, self.sealed_to, self.sealed_at = self.count + 1, number - 1, deed.at


def _pages(store: Store) -> Iterator[list[Link]]:
    after = 0
    while page := list(store.trail(after, PAGE)):
        yield page
        after = page[-1].number


def _differences(store: Store, number: int, deed: audit.Deed) -> Iterator[str]:
    """Yield where an alert is not what the trail says that was accepted."""
    row = store.alert(deed.alert) if deed.alert is not None else None
    if row is None:
        yield f"entry {number}: its alert is gone"
    elif audit.accepted(row.alert) != deed:
        yield f"entry {number}: its alert is not what was accepted"
