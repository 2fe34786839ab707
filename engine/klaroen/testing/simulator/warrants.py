"""What an acceptance and a hand-over rest on, as facts: from what is durable of people's decisions and of alerts.

Law: pure but for trio's clock, which `Rulings` reads; nothing is asked of dispatch but its settings and its numbers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from klaroen.core.account import HANDED, REACHED_STATE
from klaroen.core.model import Alert, AlertId, Channel, Instant, MemberId
from klaroen.core.ports import Reply
from klaroen.dispatch.register_index import RegisterIndex
from klaroen.setting_kinds import FourEyes
from klaroen.testing.simulator.facts import Copied, Kin, Warrant
from klaroen.testing.simulator.rulings import Rulings
from klaroen.testing.simulator.shadow import AlertShadow

LATELY_MS: Final = 2_000
"""Which alerts there are is looked up once a second where replies come in."""


def warrant(
    rulings: Rulings, opened: AlertShadow, delivery: int, channel: Channel, eyes: FourEyes, now: Instant
) -> Warrant:
    """Return what one hand-over rests on. Copies and answers are nobody's own messages: only a stop concerns them."""
    alert = opened.alert
    networks = [alert.networks[index] for index in opened.audience.group(delivery).networks]
    posted, granted = alert.origin == "posted", opened.granted
    asks = (alert.role == "coordinator" and not granted) or needs_four_eyes(alert, eyes)
    cold = posted and alert.alert_class == "cold"
    return Warrant(
        asks=posted and asks,
        consented=opened.consented,
        granted=posted and granted,
        ungranted_s=rulings.ungranted_s(networks, alert, now),
        stopped_s=rulings.stopped_s(networks) if alert.origin != "reply" else 0.0,
        quiet_s=rulings.quiet_s(opened.audience.members[delivery], channel) if cold else 0.0,
    )


def needs_four_eyes(alert: Alert, eyes: FourEyes) -> bool:
    above: int | None = getattr(eyes, alert.alert_class)
    return alert.mode != "drill" and above is not None and alert.members > above


def copied(alert: Alert, copies: Sequence[tuple[Alert, bytes, object]]) -> Copied:
    """Return with which copies an alert is accepted."""
    return Copied(alert.authority == "grant", alert.content, [copy.content for copy, _, _ in copies])


def kinships(
    rulings: Rulings, alerts: Mapping[AlertId, AlertShadow], alert: Alert, handed: Mapping[AlertId, set[int]]
) -> Iterator[Kin]:
    """Yield how an alert stands to each that it concerns."""
    members = frozenset(alerts[alert.id].audience.members)
    for earlier in (*alert.supersedes, *filter(None, (alert.follows, alert.extends))):
        one = alerts[earlier]
        if one.alert.mode == "drill":
            continue  # no far end of ours hears of those
        reached = {member for member, proved in zip(one.audience.members, one.reached, strict=True) if proved}
        yield Kin(
            extends=alert.extends is not None,
            follows=alert.follows is not None,
            members=members,
            networks=frozenset(alert.networks),
            handed=handed.get(earlier, set()),
            reached=reached,
            owed=rulings.may_get(one.alert.networks) if alert.role != "coordinator" else frozenset(),
        )


def owing(alerts: Iterable[AlertShadow], register: RegisterIndex, reply: Reply, now: Instant) -> Iterator[MemberId]:
    """Yield who wrote this, as far as an open alert is known on the disk to have left to him a while ago."""
    open_ones = [
        one for one in alerts
        if one.final is None and one.alert.origin == "posted" and one.alert.mode != "drill"
        and now - one.alert.accepted_at > LATELY_MS
    ]  # fmt: skip
    for number in register.people_at(reply.address, reply.channel):
        found = [one for one in open_ones if number in one.audience.members]
        if any(one.states[one.audience.members.index(number)] in (HANDED, REACHED_STATE) for one in found):
            yield register.snapshot.member_ids[number]
