"""An alert from hand to end: opened, expired, stopped.

Law: what is over ends page by page through `leftovers`, so that every delivery's end is journaled like any other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from klaroen.core.model import AlertState
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.leftovers import ground, look_soon
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.page import Page
from klaroen.dispatch.scripts import await_clip


def open_alert(desk: Desk, opened: OpenAlert) -> None:
    """An alert is in hand from now on, until its account is closed."""
    desk.alerts[opened.alert.id] = opened
    desk.call_while_open(opened.alert.id, opened.alert.expires_at, partial(expire, desk))
    desk.changed.add(opened.alert.id)
    desk.feed_bell.ring()
    for station in desk.all_stations():
        station.stirs.ring()


def expire(desk: Desk, opened: OpenAlert) -> None:
    """After `expires_at` nothing is handed over."""
    opened.expired = True
    stop(desk, opened)


def stop(desk: Desk, opened: OpenAlert) -> None:
    """Nothing more of the alert leaves: what has not left ends now."""
    for page in opened.pages.values():
        end(desk, page)
    desk.changed.add(opened.alert.id)
    desk.feed_bell.ring()  # what is not in batches yet is accounted for there


@contextmanager
def ending_as(desk: Desk, opened: OpenAlert, state: AlertState) -> Iterator[None]:
    """While the block asks the disk nothing of the alert leaves; it ends with the block, or goes on as before."""
    before, opened.state = opened.state, state
    opened.deciding += 1
    try:
        yield
    except BaseException:
        opened.deciding -= 1
        opened.state = before
        desk.feed_bell.ring()
        desk.ring_stations()
        raise
    opened.deciding -= 1
    stop(desk, opened)
    desk.push_bell.ring()
    desk.ring_stations()


def take_in(desk: Desk, page: Page) -> None:
    """A batch is durable: it will fly, unless its alert is over meanwhile."""
    if page.opened.ending is not None:
        end(desk, page)
        return
    if page.opened.barred is not None:
        look_soon(desk, page, desk.clock.now())
    if page.is_call and desk.narrator.speaks:
        await_clip(desk, page)
    else:
        desk.make_ready(page)


def end(desk: Desk, page: Page) -> None:
    """Nothing more of this page leaves."""
    if page.state != "done":
        desk.agenda.remove(page)
        ground(desk, page)
