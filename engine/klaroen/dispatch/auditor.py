"""An audit of what dispatch holds, while it runs: a little at a time, when nobody needs the time more.

Law: it reads and tells, and mends nothing. What can be wrong for a moment is a finding once it is so in two rounds; a
finding stands until its check passes. It is logged with its subject, and counted by its check.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import structlog
import trio

from klaroen.core.errors import StoreUnavailableError
from klaroen.core.model import AlertId
from klaroen.core.selfaudit import Check
from klaroen.dispatch import looks
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.looks import Seen, Trail
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.store.errors import StoreCorruptError

log = structlog.get_logger()

ROUND_S: Final = 10.0
"""Between two rounds."""
SLICE_S: Final = 0.05
"""Between two looks: each takes a millisecond, at a country's some ten."""
BUSY_S: Final = 1.0
"""The same while something waits to leave: a thousandth of the time."""

Subject = tuple[Check, str]
Look = Iterable[Seen]


class Auditor:
    """Keeps `desk.findings`: what does not add up, by check and subject."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._doubts: set[Subject] = set()
        """Seen once, of what may be so for a moment."""
        self._turns: dict[AlertId, int] = {}
        """Which batch of an alert is folded next."""
        self._trail = Trail()

    async def run(self) -> None:
        """Go round for ever."""
        while True:
            await trio.sleep(ROUND_S)
            for look in self._looks():
                self._take(look)
                await trio.sleep(BUSY_S if self._desk.lanes_waiting() else SLICE_S)

    def round(self) -> None:
        """Look at everything at once."""
        for look in self._looks():
            self._take(look)

    def _looks(self) -> Iterator[Look]:
        desk = self._desk
        for name in list(desk.alerts):
            opened = desk.alerts.get(name)
            if opened is not None and not opened.closing:
                yield looks.look_at_alert(desk, opened)
                yield looks.look_at_batches(desk, opened)
                yield self._journal_of(opened)
        for station in list(desk.all_stations()):
            yield looks.look_at_carrier(station)
        yield looks.look_at_doubt(desk)
        yield looks.look_at_orphans(desk)
        yield self._trail.look(desk)
        self._forget()

    def _forget(self) -> None:
        """What was found of alerts that are over stays in the log."""
        alerts = self._desk.alerts
        self._turns = {name: turn for name, turn in self._turns.items() if name in alerts}
        for one in list(self._desk.findings):
            _, of_alert, name = one[1].rpartition("alert ")
            if of_alert and AlertId(name) not in alerts:
                del self._desk.findings[one]

    def _journal_of(self, opened: OpenAlert) -> Look:
        """Fold the next batch whose journal is whole, of those that have flown."""
        pages = list(opened.pages.values())
        turn = self._turns.get(opened.alert.id, 0)
        for place in range(turn, turn + len(pages)):
            page = pages[place % len(pages)]
            if page.state != "ready" and not looks.is_under_way(self._desk, page):
                self._turns[opened.alert.id] = place + 1
                return looks.look_at_journal(self._desk, page)
        return ()

    def _take(self, look: Look) -> None:
        self._desk.audited_at = self._desk.clock.now()
        try:
            for seen in look:
                self._tell(seen)
        except StoreUnavailableError:
            return  # not now: others say so
        except StoreCorruptError as error:
            self._tell(Seen("fold", "the store", str(error)))

    def _tell(self, seen: Seen) -> None:
        key, findings = (seen.check, seen.subject), self._desk.findings
        if seen.found is None:
            self._doubts.discard(key)
            if findings.pop(key, None) is not None:
                log.warning("adds up again", check=seen.check, subject=seen.subject)
        elif not seen.at_once and key not in self._doubts:
            self._doubts.add(key)
        else:
            if key not in findings:
                log.error("does not add up", check=seen.check, subject=seen.subject, words=seen.found)
                self._desk.push_bell.ring()
            findings[key] = seen.found
