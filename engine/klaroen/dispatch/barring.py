"""Networks that get nothing more of an alert that is under way: stopped, not recognised any more, or without grant.

Law: what has not left stops at once, what was handed over stands, and who is in another network of the alert is warned
through that one. It is derived from what stands in the store, so that a restart comes to the same.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from klaroen.core.account import PENDING
from klaroen.core.mandates import may_ask
from klaroen.core.model import Alert, Instant, Network, NetworkId
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.leftovers import look_soon
from klaroen.dispatch.lifecycle import stop
from klaroen.dispatch.mandates import Mandates
from klaroen.dispatch.open_alert import OpenAlert


def shut_networks(
    alert: Alert, waiting: bool, networks: Mapping[NetworkId, Network], mandates: Mandates, now: Instant
) -> frozenset[int]:
    """Return the networks of the alert, by index, that may get nothing more of it. An answer goes to who wrote (R17).

    While it waits for consent its sender must be in office still (R23); what an officer has consented to goes on.
    """

    def may_get(name: NetworkId) -> bool:
        network = networks.get(name)
        if network is None or not network.recognised or network.stopped:
            return False
        if alert.authority == "grant":
            return mandates.granted(network, alert.coordinator, alert.alert_class, now)
        return not waiting or may_ask(network, alert.coordinator)

    if alert.origin == "reply":
        return frozenset()
    return frozenset(index for index, name in enumerate(alert.networks) if not may_get(name))


def enforce(desk: Desk, alerts: Iterable[OpenAlert] | None = None) -> int:
    """Hold every open alert against what holds now; return how many deliveries were stopped."""
    now = desk.clock.now()
    stopped = 0
    for opened in tuple(desk.alerts.values()) if alerts is None else alerts:
        if not opened.final:
            shut = shut_networks(
                opened.alert, opened.state == "awaiting_consent", desk.register.snapshot.networks, desk.mandates, now
            )
            if shut - opened.shut:
                stopped += _shut(desk, opened, shut | opened.shut)
    if stopped:
        desk.push_bell.ring()
    return stopped


def _shut(desk: Desk, opened: OpenAlert, shut: frozenset[int]) -> int:
    opened.shut = shut
    opened.planner = replace(opened.planner, shut=shut)
    stopped = bar(desk, opened, opened.audience.within(shut))
    if len(shut) == len(opened.alert.networks):
        opened.state = "cancelled"  # it follows from what is durable already, and is so itself once it is closed
        stop(desk, opened)
    return stopped


def bar(desk: Desk, opened: OpenAlert, spans: Iterable[tuple[int, int]]) -> int:
    """Hand nothing more over to these deliveries; return how many of them were pending."""
    if opened.barred is None:
        opened.barred = bytearray(len(opened.audience))
    barred, states, stopped = opened.barred, opened.account.states, 0
    for start, end in spans:
        stopped += sum(
            state == PENDING and not already
            for state, already in zip(states[start:end], barred[start:end], strict=True)
        )
        barred[start:end] = b"\1" * (end - start)
    now = desk.clock.now()
    for page in opened.pages.values():
        if page.state != "done" and any(barred[delivery] for delivery in page.sheet.deliveries):
            look_soon(desk, page, now)
    desk.changed.add(opened.alert.id)
    return stopped
