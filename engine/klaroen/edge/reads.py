"""Pages and single things that dispatch reads for the caller, and the operator's switch of a carrier.

Law: the edge adds bounds and takes nothing away: what the token may see is dispatch's to decide.
"""

from klaroen.core.calls import (
    CountNetworks,
    Evaluate,
    ListAlerts,
    ListCarriers,
    ListDeliveries,
    ListNetworks,
    ShowDelivery,
    ShowNetwork,
    SwitchCarrier,
)
from klaroen.core.evaluation import EvaluationView
from klaroen.core.model import AlertId
from klaroen.core.views import (
    AlertPage,
    CarrierPage,
    CarrierView,
    DeliveryPage,
    DeliveryWhyView,
    NetworkCountsPage,
    NetworkPage,
    NetworkView,
)
from klaroen.edge.desk import Desk
from klaroen.edge.exchange import Call, Reply
from klaroen.edge.queries import (
    AlertsQuery,
    DeliveriesQuery,
    NetworksQuery,
    PeriodQuery,
    read_near,
    read_query,
)


async def list_alerts(desk: Desk, call: Call) -> Reply:
    query = read_query(call.query, AlertsQuery)
    question = ListAlerts(query.alert_class, query.state, query.zone, query.before, feedback=query.feedback)
    return await desk.show(call, question, AlertPage)


async def count_networks(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, CountNetworks(AlertId(call.parameters["id"])), NetworkCountsPage)


async def list_deliveries(desk: Desk, call: Call) -> Reply:
    query = read_query(call.query, DeliveriesQuery)
    question = ListDeliveries(
        AlertId(call.parameters["id"]),
        query.network,
        query.state,
        query.channel,
        query.after,
        query.limit,
        call.language,
    )
    return await desk.show(call, question, DeliveryPage)


async def show_delivery(desk: Desk, call: Call) -> Reply:
    question = ShowDelivery(AlertId(call.parameters["id"]), call.parameters["member"], call.language)
    return await desk.show(call, question, DeliveryWhyView)


async def list_networks(desk: Desk, call: Call) -> Reply:
    query = read_query(call.query, NetworksQuery)
    return await desk.show(call, ListNetworks(query.street, query.municipality, read_near(query.near)), NetworkPage)


async def show_network(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, ShowNetwork(call.parameters["id"]), NetworkView)


async def show_evaluation(desk: Desk, call: Call) -> Reply:
    query = read_query(call.query, PeriodQuery)
    return await desk.show(call, Evaluate(query.since, query.until, (call.parameters["id"],)), EvaluationView)


async def list_carriers(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, ListCarriers(), CarrierPage)


async def avoid_carrier(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, SwitchCarrier(call.parameters["name"], "avoid"), CarrierView)


async def restore_carrier(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, SwitchCarrier(call.parameters["name"], "restore"), CarrierView)
