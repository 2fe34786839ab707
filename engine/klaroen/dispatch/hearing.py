"""What members write back and press (R17): to whom it belongs, kept before it is acknowledged, STOP obeyed at once.

Law: a reply belongs to the latest alert that its writer was handed, and is durable, without any number, before its
carrier hears so. As many wait as `WAITING_MAX`; whatever is beyond, its carrier keeps and repeats.
"""

import sys
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import structlog
import trio
from msgspec import Struct

from klaroen.core import audit
from klaroen.core.account import HANDED, REACHED_STATE
from klaroen.core.audience import Audience
from klaroen.core.contacts import name_at
from klaroen.core.errors import StoreUnavailableError
from klaroen.core.expand import CONTACTS_FIRST
from klaroen.core.model import Alert, AlertId, Channel, Instant, MemberId
from klaroen.core.ports import Reply, ReplyCarrier
from klaroen.core.replies import REPLY_CHARS_MAX, Quiet, ReplyRow, is_stop
from klaroen.dispatch import quieting
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.page import Page
from klaroen.dispatch.station import Station
from klaroen.dispatch.subjects import Subject, subject_of

log = structlog.get_logger()

WAITING_MAX: Final = 10_000
"""Replies that wait to be kept: those of a tenth of the country within a second."""
AT_ONCE: Final = 200
"""Kept by one commit."""
ALERTS_MAX: Final = 50
"""The latest alerts that a reply may belong to."""
RETRY_S: Final = 0.2
"""Pause after a disk that refused."""
KEY: Final = "key "
"""Before the digit, in what carriers of calls tell."""
DAYS_MS: Final = 7 * 86_400_000
"""Who writes a week later writes about something else."""
FRESH_MS: Final = 1_000
STALE_MS: Final = 60_000
KNOWN_MAX: Final = 20
"""Alerts that are kept as they were read: a megabyte each for the whole country."""


class Heard(Struct, frozen=True):
    """What some replies came to."""

    rows: list[ReplyRow]
    quiets: list[Quiet]
    strangers: int


class Known(NamedTuple):
    """An alert as it was read: whom it concerns, as octets in which a member is found at once."""

    subject: Subject
    members: bytes
    read_at: Instant


class People:
    """Whom the latest alerts were handed to."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: OrderedDict[AlertId, Known] = OrderedDict()
        self._latest: tuple[Instant, list[Alert]] = (Instant(0), [])

    def latest(self, members: Sequence[int], now: Instant) -> tuple[Subject, int] | None:
        """Return the latest alert that one of these members was handed, and the place in its audience."""
        for alert in self._alerts(now):
            known = self._read(alert.id, now)
            if known is None:
                continue  # it is being closed
            for member in members:
                at = place_of(known.members, member)
                if at is not None and known.subject.account.states[at] in (HANDED, REACHED_STATE):
                    return known.subject, at
        return None

    def _alerts(self, now: Instant) -> list[Alert]:
        """Newest first; looked up once a second."""
        read_at, alerts = self._latest
        if now - read_at >= FRESH_MS:
            rows = self._desk.store.alerts(None, ALERTS_MAX, (), ())
            alerts = [row.alert for row in rows if row.alert.origin == "posted" and row.alert.mode != "drill"]
            self._latest = (now, alerts)
        return [alert for alert in alerts if alert.accepted_at > now - DAYS_MS]

    def _read(self, alert: AlertId, now: Instant) -> Known | None:
        """An open alert is as it stands; one that is over is read again now and then, for late receipts change it."""
        known, opened = self._known.pop(alert, None), self._desk.alerts.get(alert)
        live = known is None or opened is None or known.subject.account is opened.account
        if known is None or not live or now - known.read_at >= STALE_MS:
            subject = subject_of(self._desk, alert)
            if subject is None:
                return None
            known = Known(subject, subject.audience.members.tobytes(), now)
        self._known[alert] = known
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return known


def place_of(members: bytes, member: int) -> int | None:
    """Return where a member stands among u32 numbers in the machine's order [20 µs in a country]."""
    needle, at = member.to_bytes(4, sys.byteorder), -1
    while (at := members.find(needle, at + 1)) >= 0:
        if at % 4 == 0:
            return at // 4
    return None


async def hear_forever(desk: Desk) -> None:
    """Keep what carriers bring, and tell them."""
    people = People(desk)
    while True:
        await desk.letters.came.wait()
        while desk.letters.replied or desk.letters.pressed:
            some = [desk.letters.replied.popleft() for _ in range(min(AT_ONCE, len(desk.letters.replied)))]
            try:
                await keep(desk, people, [reply for _, reply in some])
            except StoreUnavailableError:
                _acknowledge(some, stored=False)
                await trio.sleep(RETRY_S)
                continue
            _acknowledge(some, stored=True)


def _acknowledge(some: Sequence[tuple[Station, Reply]], *, stored: bool) -> None:
    by_station: dict[Station, list[Reply]] = {}
    for station, reply in some:
        by_station.setdefault(station, []).append(reply)
    for station, replies in by_station.items():
        if isinstance(station.carrier, ReplyCarrier):
            station.carrier.acknowledge_replies(replies, stored=stored)


def take(desk: Desk, station: Station, reply: Reply) -> None:
    """Take in what a carrier brings: it is kept soon, or given back at once."""
    if len(desk.letters.replied) >= WAITING_MAX:
        _acknowledge([(station, reply)], stored=False)
        return
    desk.letters.replied.append((station, reply))
    desk.letters.came.ring()


def press(desk: Desk, page: Page, index: int, code: str) -> None:
    """A key other than the confirmation is a reply, which the call itself answers; it is kept with the next ones."""
    if not code.startswith(KEY):
        return
    opened, ids = page.opened, desk.register.snapshot.member_ids
    at, now, channel = page.sheet.deliveries[index], desk.clock.now(), page.batch.step.channel
    if opened.audience.members[at] >= CONTACTS_FIRST:
        return  # a coordinator's key: R17 is about members
    row = _row(opened.alert, opened.audience, at, ids, channel, code.removeprefix(KEY), now, "key")
    if opened.alert.mode != "drill" and len(desk.letters.pressed) < WAITING_MAX:
        desk.letters.pressed.append(row)
        desk.letters.came.ring()


async def keep(desk: Desk, people: People, replies: Sequence[Reply]) -> None:
    """Make replies durable. Raises StoreUnavailableError: none is kept."""
    now = desk.clock.now()
    heard = place(desk, people, replies, now)
    if heard.strangers:
        log.info("replies of nobody whom an alert was handed to", count=heard.strangers)
    pressed, desk.letters.pressed = desk.letters.pressed[:AT_ONCE], desk.letters.pressed[AT_ONCE:]
    try:
        await put(desk, [*heard.rows, *pressed], heard.quiets, now)
    except StoreUnavailableError:
        desk.letters.pressed[:0] = pressed
        raise
    desk.metrics.replies["stranger"].inc(heard.strangers)
    for row in (*heard.rows, *pressed):
        desk.metrics.replies[row.kind].inc()


async def put(desk: Desk, rows: Sequence[ReplyRow], quiets: Sequence[Quiet], now: Instant) -> None:
    """Keep these, and let quiet members be quiet from now on. Raises StoreUnavailableError."""
    if not rows and not quiets:
        return
    deeds = [(one, audit.quieted(one)) for one in quiets]
    async with desk.deciding:
        await desk.writer.write(desk.store.replies.put, rows, deeds, now)
        for one in quiets:
            desk.quiet.add(one)
        quieting.enforce(desk, quiets)
    desk.letters.owed.ring()


def place(desk: Desk, people: People, replies: Sequence[Reply], now: Instant) -> Heard:
    """Return to whom and what each reply belongs; a number that several share is quiet for all of them."""
    heard = Heard([], [], 0)
    strangers = 0
    ids = desk.register.snapshot.member_ids
    for reply in replies:
        members = desk.register.people_at(reply.address, reply.channel)
        stop = is_stop(reply.text)
        if stop:
            heard.quiets.extend(Quiet(ids[member], None, now, "reply") for member in members)
        found = people.latest(members, now) if members else None
        if found is None:
            strangers += 1
            continue
        subject, at = found
        heard.rows.append(
            _row(subject.alert, subject.audience, at, ids, reply.channel, reply.text, now, "stop" if stop else "text")
        )
    return Heard(heard.rows, heard.quiets, strangers)


def _row(
    alert: Alert,
    audience: Audience,
    at: int,
    ids: Sequence[MemberId],
    channel: Channel,
    text: str,
    now: Instant,
    kind: Literal["text", "stop", "key"],
) -> ReplyRow:
    group = audience.group(at)
    return ReplyRow(
        alert.id,
        name_at(audience.members[at], ids, alert.contacts),
        alert.networks[group.networks[0]],
        channel,
        group.language,
        kind,
        now,
        text[:REPLY_CHARS_MAX],
    )
