"""Every question that the edge and the command line may ask, and who may ask it.

Law: policy is asked here, whatever the edge has checked; what a token may not see does not exist for it. Reads of
deliveries go to a thread; everything else is answered from the desk.
"""

from collections import OrderedDict
from typing import Final, TypeVar

import msgspec
import trio

from klaroen.core import audit, calls, policy
from klaroen.core.audience import Audience
from klaroen.core.contacts import number_of
from klaroen.core.errors import InputError, StoreUnavailableError
from klaroen.core.evaluation import EvaluationView
from klaroen.core.mandates import Decree
from klaroen.core.model import Alert, AlertId, NetworkId, Token
from klaroen.core.policy import demand
from klaroen.core.ports import CallListener
from klaroen.core.refusals import refuse
from klaroen.core.replies import Correspondence, PutReplies, SayFarewell
from klaroen.core.upkeep import Upkeep
from klaroen.core.views import (
    AlertPage,
    CarrierPage,
    CarrierView,
    ContentView,
    DeliveryPage,
    DeliveryView,
    DeliveryWhyView,
    NetworkCountsPage,
    NetworkPage,
    NetworkView,
    RecordingView,
    StatusView,
)
from klaroen.dispatch import acting, decrees, fleet, letterbox, listing, readings, rolls, upkeep
from klaroen.dispatch.accept import accept, unavailable
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.evaluating import evaluate_places
from klaroen.dispatch.forecasting import forecast
from klaroen.dispatch.hearing import People
from klaroen.dispatch.journeys import Journeys, read_journeys
from klaroen.dispatch.kept import Backlog, write_kept
from klaroen.dispatch.settle import keep
from klaroen.dispatch.station import Station
from klaroen.dispatch.subjects import find_subject, read_cursor

T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode

OfNetworks = calls.ListNetworks | calls.ShowNetwork | calls.Evaluate | Decree | Upkeep

JOURNEYS_MAX: Final = 2
"""Alerts whose journeys are kept between two pages: a national one is some 60 MB."""
JOURNEYS_MS: Final = 5_000
"""How long they are kept: paging through a country takes a second or two."""


class Office:
    """Answers questions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._journeys: OrderedDict[AlertId, tuple[int, Journeys]] = OrderedDict()
        self._reading = trio.CapacityLimiter(1)
        self._people = People(desk)

    async def answer(self, principal: str | None, question: calls.Question) -> bytes:
        """Return the view that the question names, as msgpack.

        Raises InputError. A question without principal comes from the command line of this machine's operator.
        """
        desk = self._desk
        if principal is None and isinstance(question, calls.PutReceipts | PutReplies | SayFarewell):
            return await self._brought(question)  # the edge has verified the signature
        if principal is None:
            return await rolls.answer(desk, question)
        token = desk.tokens.get(principal)
        if token is None:
            raise InputError("unauthenticated", "This token was revoked.")
        match question:
            case calls.Submit() | calls.FollowUp():
                return await accept(desk, token, question)
            case calls.PutReceipts() | PutReplies():
                demand(token, "put_receipts")
                return await self._brought(question)
            case calls.PutRecording():
                demand(token, "put_recordings")
                return _encode(await self._record(token, question))
            case calls.Act() | calls.Withdraw():
                return _encode(await acting.answer(desk, token, question))
            case calls.Forecast():
                return _encode(await forecast(desk, token, question))
            case calls.ShowAlert() | calls.ShowContent() | calls.ListAlerts() | calls.CountNetworks():
                return _encode(await self._counts(token, question))
            case calls.ListDeliveries() | calls.ShowDelivery():
                return _encode(await self._read_deliveries(token, question))
            case calls.ListCarriers() | calls.SwitchCarrier():
                return _encode(await self._carriers(token, question))
        if isinstance(question, Correspondence):
            return _encode(await letterbox.answer(desk, token, question))
        if isinstance(question, OfNetworks):
            return _encode(await self._networks(token, question))
        raise InputError("not-allowed", "Only the command line on this machine may ask that.")

    async def _brought(self, question: calls.PutReceipts | PutReplies | SayFarewell) -> bytes:
        if isinstance(question, SayFarewell):
            await letterbox.say_farewell(self._desk, question)
        elif isinstance(question, PutReplies):
            await letterbox.put(self._desk, self._people, question)
        else:
            await self._receive(question)
        return _encode(None)

    async def _counts(
        self, token: Token, question: calls.ShowAlert | calls.ShowContent | calls.ListAlerts | calls.CountNetworks
    ) -> StatusView | ContentView | AlertPage | NetworkCountsPage:
        if not isinstance(question, calls.CountNetworks):
            return await listing.answer(self._desk, token, question)
        subject = find_subject(self._desk, token, question.alert)
        return readings.network_counts(subject.alert, subject.audience, subject.account)

    # --- deliveries -------------------------------------------------------------------------------------------------

    async def _read(self, alert: Alert, audience: Audience) -> Journeys:
        now = self._desk.clock.now()
        kept = self._journeys.get(alert.id)
        if kept is not None and now - kept[0] < JOURNEYS_MS:
            return kept[1]
        ids = self._desk.register.snapshot.member_ids
        async with self._reading:
            journeys = await trio.to_thread.run_sync(read_journeys, self._desk.store, alert, audience, ids)
        self._journeys[alert.id] = (now, journeys)
        while len(self._journeys) > JOURNEYS_MAX:
            self._journeys.popitem(last=False)
        return journeys

    async def _enter(self, deed: audit.Deed) -> None:
        """Raises InputError where it cannot be entered: then it is not done either."""
        try:
            await self._desk.writer.write(self._desk.store.enter, deed, urgent=True)
        except StoreUnavailableError as error:
            raise unavailable() from error

    async def _read_deliveries(
        self, token: Token, question: calls.ListDeliveries | calls.ShowDelivery
    ) -> DeliveryPage | DeliveryWhyView:
        """Every look at members is entered in the audit trail before it is answered (R7)."""
        now, alert = self._desk.clock.now(), question.alert
        if isinstance(question, calls.ListDeliveries):
            page = await self._deliveries(token, question)
            network = None if question.network is None else NetworkId(question.network)
            await self._enter(audit.looked(token, now, len(page.items), alert=alert, network=network))
            return page
        view = await self._why(token, question)
        await self._enter(audit.looked(token, now, 1, alert=alert, member=view.member))
        return view

    async def _deliveries(self, token: Token, question: calls.ListDeliveries) -> DeliveryPage:
        subject = find_subject(self._desk, token, question.alert)
        demand(token, "see_deliveries")
        alert, audience = subject.alert, subject.audience
        if question.network is not None and question.network not in alert.networks:
            return DeliveryPage((), None)
        after = read_cursor(question.after)
        journeys = await self._read(alert, audience)
        items: list[DeliveryView] = []
        last = -1
        for delivery in readings.matching(alert, audience, subject.account, question.network, question.state):
            if after is not None and delivery <= after:
                continue
            if question.channel is not None and not journeys.used(delivery, question.channel):
                continue
            if len(items) == question.limit:
                return DeliveryPage(tuple(items), str(last))
            last = delivery
            items.append(journeys.view(delivery, subject.account.states[delivery], question.language))
        return DeliveryPage(tuple(items), None)

    async def _why(self, token: Token, question: calls.ShowDelivery) -> DeliveryWhyView:
        subject = find_subject(self._desk, token, question.alert)
        demand(token, "see_deliveries")
        number = number_of(question.member, self._desk.register.numbers_of, subject.alert.contacts)
        if number is None or number not in subject.audience.members:
            raise refuse("not-found", "member_not_concerned")
        delivery = subject.audience.members.index(number)
        journeys = await self._read(subject.alert, subject.audience)
        view = journeys.view(delivery, subject.account.states[delivery], question.language)
        return journeys.why(delivery, view, question.language)

    # --- networks ---------------------------------------------------------------------------------------------------

    async def _networks(
        self, token: Token, question: OfNetworks
    ) -> NetworkPage | NetworkView | EvaluationView | decrees.View | upkeep.View:
        if isinstance(question, Decree):
            return await decrees.answer(self._desk, token, question)
        if isinstance(question, Upkeep):
            return await upkeep.answer(self._desk, token, question)
        desk, snapshot = self._desk, self._desk.register.snapshot
        if not isinstance(question, calls.Evaluate):
            demand(token, "see_networks")
            return rolls.networks(desk, token, question)
        demand(token, "see_evaluation")
        (name,) = question.networks
        network = snapshot.networks.get(NetworkId(name))
        if network is None or not policy.scope_of(token)(network):
            raise refuse("not-found", "no_such_network")
        now = desk.clock.now()
        async with self._reading:
            page = await trio.to_thread.run_sync(evaluate_places, desk.store, desk.book, snapshot, question, now)
        return page.items[0]

    # --- carriers ---------------------------------------------------------------------------------------------------

    async def _receive(self, question: calls.PutReceipts) -> None:
        """Make a webhook's receipts durable; they are drained like all others. Then its carrier hears of its calls."""
        desk = self._desk
        station = desk.stations.get(question.carrier)
        if station is None:
            raise InputError("not-found", "There is no such carrier.")
        if question.receipts:
            if not desk.hears:
                raise unavailable("too_many_receipts")
            rows = keep(desk, station, question.receipts)
            try:
                row = await desk.writer.write(desk.store.receive, station.name, write_kept(rows), desk.clock.now())
            except StoreUnavailableError as error:
                desk.store_fails(error)
                raise unavailable() from error
            desk.backlog.append(Backlog(station, row, rows, desk.clock.now()))
            desk.drain_bell.ring()
        if question.calls and isinstance(station.carrier, CallListener):
            await station.carrier.hear(question.calls)

    async def _record(self, token: Token, question: calls.PutRecording) -> RecordingView:
        if self._desk.recorder is None or self._desk.draining:
            raise unavailable("no_recorder")
        now = self._desk.clock.now()
        recording = await self._desk.recorder.take(question.name, question.sha256, token.name, now)
        return RecordingView(recording.id, recording.sha256, recording.duration_s)

    async def _carriers(
        self, token: Token, question: calls.ListCarriers | calls.SwitchCarrier
    ) -> CarrierPage | CarrierView:
        desk = self._desk
        if isinstance(question, calls.ListCarriers):
            demand(token, "see_carriers")
            return CarrierPage(tuple(carrier_view(station) for station in desk.stations.values()))
        demand(token, "switch_carriers")
        station = next((one for one in desk.stations.values() if one.name == question.carrier), None)
        if station is None:
            raise InputError("not-found", "There is no such carrier.")
        avoided = question.verb == "avoid"
        await self._enter(audit.switched(token, station.name, desk.clock.now(), avoided=avoided))
        fleet.switch(desk, station, avoided=avoided)
        return carrier_view(station)


def carrier_view(station: Station) -> CarrierView:
    pace = station.pace
    return CarrierView(
        name=station.name,
        kind=str(station.settings.__struct_config__.tag),
        simulated=station.simulated,
        channels=station.channels,
        lanes=station.lanes,
        up=station.link_up,
        avoided=station.avoided,
        breaker=pace.breaker,
        health=station.health.condition,
        rate_per_s=round(pace.allowed_per_s, 1),
        window=pace.window,
        window_used=pace.used,
        words=station.words,
    )
