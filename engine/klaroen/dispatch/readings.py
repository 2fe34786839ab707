"""What users ask to see, made from the desk or, for what is over, from the store.

Law: reading changes nothing, and a token sees only what policy lets it see.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from klaroen.core.account import STATES, Account, Tally
from klaroen.core.audience import Audience
from klaroen.core.audit import text_hashes
from klaroen.core.model import CALL_CHANNELS, CLASSES, Alert, AlertState, Channel, Instant
from klaroen.core.views import (
    CallsView,
    ChannelView,
    ContentView,
    NetworkCounts,
    NetworkCountsPage,
    StatusView,
    rfc3339,
)
from klaroen.dispatch.choice import serving
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.station import Station


def status(desk: Desk, opened: OpenAlert, backlog: "Backlog | None" = None) -> StatusView:
    """Return an open alert as it stands now; who asks for many counts the backlog once."""
    eta = eta_s(desk, opened, count_backlog(desk) if backlog is None else backlog)
    return make_status(opened.alert, opened.account, opened.state, desk.clock.now(), eta)


def make_status(alert: Alert, account: Account, state: AlertState, as_of: Instant, eta: float | None) -> StatusView:
    counts = account.counts
    at: Callable[[int], str | None] = lambda ms: rfc3339(Instant(alert.accepted_at + ms)) if ms else None  # noqa: E731
    channels: dict[str, ChannelView] = {channel: channel_view(account, channel) for channel in account.tallies}
    return StatusView(
        id=alert.id,
        alert_class=alert.alert_class,
        mode=alert.mode,
        state=state,
        as_of=rfc3339(as_of) or "",
        accepted_at=rfc3339(alert.accepted_at) or "",
        expires_at=rfc3339(alert.expires_at) or "",
        reference=alert.reference,
        supersedes=alert.supersedes[-1] if alert.supersedes else None,
        follows=alert.follows,
        members=alert.members,
        pending=counts[0],
        handed_over=counts[1],
        reached=counts[2],
        failed=counts[3],
        expired=counts[4],
        cancelled=counts[5],
        unreachable=counts[6],
        network_only=account.network_only,
        confirmed=account.confirmed,
        possible_duplicates=account.possible_duplicates,
        language_fallbacks=alert.language_fallbacks,
        content_sha256=text_hashes(alert),
        first_handover_at=at(account.first_ms),
        last_handover_at=at(account.last_ms),
        eta_s=eta,
        cost_eur=round(sum(channel.cost_eur for channel in channels.values()), 4),
        channels=channels,
        authority=alert.authority,
        origin=alert.origin,
    )


def content(alert: Alert, state: AlertState) -> ContentView:
    return ContentView(
        id=alert.id,
        alert_class=alert.alert_class,
        state=state,
        authority=alert.authority,
        sender=alert.token,
        author=alert.author,
        networks=alert.networks,
        content=alert.content,
        recording={language: recorded.id for language, recorded in alert.recording.items()},
        content_sha256=text_hashes(alert),
    )


def channel_view(account: Account, channel: Channel) -> ChannelView:
    tally = account.tallies[channel]
    return ChannelView(
        handed_over=sum(tally.states[4:]),
        reached=tally.states[7],
        failed=tally.states[3] + tally.states[5],
        attempts=tally.flown,
        p50_ms=tally.percentile(0.50),
        p99_ms=tally.percentile(0.99),
        cost_eur=round(tally.cost_eur, 4),
        calls=calls_view(tally) if channel in CALL_CHANNELS else None,
    )


def calls_view(tally: Tally) -> CallsView:
    return CallsView(
        ringing=tally.ringing,
        talking=tally.talking,
        answered=tally.answered,
        ended=tally.ended,
        minutes=tally.minutes,
        answer_p50_ms=tally.answer_percentile(0.50),
        answer_p99_ms=tally.answer_percentile(0.99),
    )


Backlog = Mapping[tuple[bool, Channel, int], int]
"""Segments that have not left, by fleet (drill or live), channel and lane."""


def count_backlog(desk: Desk) -> Backlog:
    """Return what waits to leave, over all open alerts."""
    backlog: Counter[tuple[bool, Channel, int]] = Counter()
    for opened in desk.alerts.values():
        if opened.may_fly and opened.account.counts[0]:
            for channel, segments in _pending(opened).items():
                backlog[opened.alert.mode == "drill", channel, _lane(opened)] += segments
    return backlog


def eta_s(desk: Desk, opened: OpenAlert, backlog: Backlog) -> float | None:
    """Return in how many seconds everybody pending is handed over, at the carriers' rates as they are now.

    What its own class and those above have waiting on the same channel goes first; None where nothing is pending or no
    carrier is up.
    """
    if opened.final or not opened.may_expand or not opened.account.counts[0]:
        return None
    drill = opened.alert.mode == "drill"
    longest = 0.0
    for channel, segments in _pending(opened).items():
        ahead = sum(backlog.get((drill, channel, lane), 0) for lane in range(_lane(opened) + 1))
        rate = sum(drains_per_s(opened, station, channel) for station in serving(desk, opened.alert, channel))
        if not rate:
            return None
        longest = max(longest, max(ahead, segments) / rate)
    return round(longest, 1)


def drains_per_s(opened: OpenAlert, station: Station, channel: Channel) -> float:
    """Return how much of this a carrier takes a second; of calls as many as it has lines for."""
    pace = station.pace
    if channel not in CALL_CHANNELS or pace.lines is None:
        return pace.allowed_per_s
    return min(pace.allowed_per_s, pace.lines / opened.usual_call_s)


def _lane(opened: OpenAlert) -> int:
    return CLASSES.index(opened.alert.alert_class)


def _pending(opened: OpenAlert) -> dict[Channel, int]:
    """Return the segments that have not left, by channel."""
    waiting: dict[Channel, int] = {}
    for page in opened.pages.values():
        if page.state in ("ready", "leased") and page.sheet.left and not page.grounded:
            channel = page.batch.step.channel
            waiting[channel] = waiting.get(channel, 0) + page.sheet.left * page.batch.parts
    if not opened.fully_expanded:
        waiting["sms"] = waiting.get("sms", 0) + len(opened.audience) - opened.expanded
    return waiting


def network_counts(alert: Alert, audience: Audience, account: Account) -> NetworkCountsPage:
    """Return the seven counts by network: a person in several counts in each."""
    counts = [[0] * 7 for _ in alert.networks]
    for start, end, group in audience.spans_from(0):
        states = account.states[start:end]
        for state in range(7):
            count = states.count(state)
            if count:
                for index in group.networks:
                    counts[index][state] += count
    items = [NetworkCounts(name, sum(row), *row) for name, row in zip(alert.networks, counts, strict=True)]
    return NetworkCountsPage(tuple(items))


def matching(
    alert: Alert, audience: Audience, account: Account, network: str | None, state: str | None
) -> Iterator[int]:
    """Yield the deliveries of a network and in a state, in order."""
    wanted = None if state is None else STATES.index(state)
    place = None if network is None else alert.networks.index(network)
    for start, end, group in audience.spans_from(0):
        if place is not None and place not in group.networks:
            continue
        for delivery in range(start, end):
            if wanted is None or account.states[delivery] == wanted:
                yield delivery
