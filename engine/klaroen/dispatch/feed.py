"""Accepted alerts become batches, the most urgent first.

Law: a piece is durable before any of it flies, and the first piece is small, so that the first telephone rings while
the rest of the country is still being cut into batches.
"""

from typing import Final

import trio

from klaroen.core.errors import StoreUnavailableError
from klaroen.core.expand import expand
from klaroen.core.model import CLASSES
from klaroen.core.sheet import Sheet
from klaroen.dispatch import closing
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.lifecycle import take_in
from klaroen.dispatch.open_alert import OpenAlert

FIRST_PIECE: Final = 1_000
"""Deliveries of the first piece: one batch, in a few milliseconds."""
PIECE: Final = 10_000
"""Deliveries of the others: some 10 ms of work, so that other tasks have their turn."""
ABREAST_MAX: Final = 50
"""Alerts of which pieces go into one commit: 200 a second need four, and a disk has twenty at its worst."""
RETRY_S: Final = 0.2


async def feed_forever(desk: Desk) -> None:
    """Expand what is accepted: pieces of several alerts in one commit, so that streets need not wait for each other."""
    while True:
        turn = next_to_expand(desk)
        if not turn:
            await desk.feed_bell.wait()
            continue
        async with trio.open_nursery() as nursery:
            for opened in turn:
                nursery.start_soon(_expand, desk, opened)


async def _expand(desk: Desk, opened: OpenAlert) -> None:
    """A disk that refuses one piece cancels none of the others: theirs may be written already."""
    try:
        await expand_piece(desk, opened)
    except StoreUnavailableError:
        await trio.sleep(RETRY_S)


def next_to_expand(desk: Desk) -> list[OpenAlert]:
    """Return the alerts whose turn it is, of one piece together.

    What is real goes before drills, then the highest class, and of equals those with least in batches.
    """
    waiting = [one for one in desk.alerts.values() if not one.fully_expanded and one.may_expand]
    waiting.sort(key=lambda one: (one.alert.mode == "drill", CLASSES.index(one.alert.alert_class), one.expanded))
    turn: list[OpenAlert] = []
    room = PIECE
    for opened in waiting[:ABREAST_MAX]:
        room -= min(piece(opened), len(opened.audience) - opened.expanded)
        if turn and room < 0:
            break
        turn.append(opened)
    return turn


def piece(opened: OpenAlert) -> int:
    """Return how many deliveries of the alert are cut into batches at once."""
    return PIECE if opened.expanded else FIRST_PIECE


async def expand_piece(desk: Desk, opened: OpenAlert) -> None:
    """Cut the next piece into batches, and make them ready once they are durable.

    An alert that is over is expanded all the same: its members' end is accounted for in batches that never fly.
    """
    alert, size = opened.alert, piece(opened)
    routes, cursor = expand(opened.audience, opened.planner, opened.expanded, size, alert.accepted_at, opened.begun_at)
    batches = opened.cargo.batches(routes, desk.number_batch)
    await desk.writer.write(desk.store.plan, alert.id, cursor, batches, desk.clock.now(), urgent=not opened.expanded)
    opened.expanded = cursor
    for page in opened.plan_batches([Sheet(batch) for batch in batches]):
        take_in(desk, page)
    desk.changed.add(alert.id)
    closing.close_if_over(desk, opened)
