"""Forecasts from the desk: how deep its queues are, what its carriers drain, and what they have proved lately.

Law: it reads and changes nothing; whoever may not send an alert gets no forecast of it.
"""

from typing import Final

import trio

from klaroen.core import admission
from klaroen.core.account import Account
from klaroen.core.calls import Forecast
from klaroen.core.errors import Saying
from klaroen.core.forecast import ForecastView, Supply, look_ahead
from klaroen.core.model import CALL_CHANNELS, CLASSES, Channel, Token
from klaroen.core.money import micros
from klaroen.core.phrases import say
from klaroen.core.proofs import EVIDENCE_MIN
from klaroen.core.views import RefusedNetwork, UnreachableCount
from klaroen.dispatch import ability, readings
from klaroen.dispatch.accept import find_recordings, make_alert, warnings_of
from klaroen.dispatch.audiences import find_audience
from klaroen.dispatch.choice import serving
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.open_alert import OpenAlert

CALL_MINUTES: Final = 1
"""Of talk that a call is charged: most messages are heard within one."""


async def forecast(desk: Desk, token: Token, question: Forecast) -> ForecastView:
    """Return what this alert would come to now. Raises InputError as its acceptance would."""
    now, request = desk.clock.now(), question.request
    find_recordings(desk, token, request)
    admitted = admission.admit(
        request,
        token,
        desk.register.snapshot,
        now,
        (),
        lambda network: desk.mandates.granted(network, token.coordinator_id, request.alert_class, now),
    )
    offer, unable = ability.offer_of(desk, request)
    audience, planner, *_ = find_audience(desk, request, admitted.networks, offer, None, now)
    alert = make_alert(desk, token, request, admitted, audience, now)
    steps = getattr(desk.settings.steps, request.alert_class)
    opened = OpenAlert(alert, audience, Account(audience), planner, steps, "accepted")
    supplies = {channel: _supply(desk, opened, channel) for channel in planner.offers}
    parts = opened.cargo.parts
    outlook = await trio.to_thread.run_sync(  # a country has some 17,000 groups of people
        look_ahead, audience, planner, now, request.alert_class, parts, supplies
    )
    unreachable = audience.unreachable
    warnings = (*unable, *warnings_of(admitted, audience), *outlook.warnings)
    if request.supersedes is not None or request.extends is not None:
        warnings += (Saying("forecast_kin"),)
    return ForecastView(
        members=len(audience),
        networks=len(admitted.networks),
        refused=tuple(RefusedNetwork(one.network, one.rule, one.reason, one.code) for one in admitted.refused),
        not_located=admitted.not_located,
        unreachable=UnreachableCount(sum(unreachable.values()), unreachable),
        channels=outlook.channels,
        handed_over_s=outlook.handed_over_s,
        reached_s=outlook.reached_s,
        cost_eur=outlook.cost_eur,
        warnings=tuple(say((one,), question.language) for one in warnings),
    )


def _supply(desk: Desk, opened: OpenAlert, channel: Channel) -> Supply:
    """Return a channel as it stands for this alert's class."""
    alert, drill = opened.alert, opened.alert.mode == "drill"
    stations = serving(desk, alert, channel)
    rates = [readings.drains_per_s(opened, station, channel) for station in stations]
    per_s = sum(rates)
    segments = CALL_MINUTES if channel in CALL_CHANNELS else 1
    prices = (micros(station.cost_eur) * segments * rate for station, rate in zip(stations, rates, strict=True))
    backlog = readings.count_backlog(desk)
    lane = CLASSES.index(alert.alert_class)
    seen = [station.experience[channel] for station in stations]
    taken, proved = sum(one.taken for one in seen), sum(one.proved for one in seen)
    return Supply(
        per_s=per_s,
        carriers=len(stations),
        above=sum(backlog.get((drill, channel, higher), 0) for higher in range(lane)),
        beside=backlog.get((drill, channel, lane), 0),
        price=sum(prices) / per_s if per_s else 0.0,
        wait_s=opened.patience.waits[channel],
        proved=min(1.0, proved / taken) if taken >= EVIDENCE_MIN else None,
        arrivals_s=tuple(sorted(ms / 1000 for one in seen for ms in one.arrivals_ms)),
    )
