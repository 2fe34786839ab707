"""What the police decide about networks and coordinators over HTTP: grants (R9), and networks stopped and resumed (R1).

Law: a decision is durable before it holds, and holds before it is answered: nothing leaves after the answer that it
stops. Each may be repeated, and stands in the audit trail. One is made at a time, so that the last on the disk holds.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from klaroen.core import audit, mandates, policy
from klaroen.core.errors import StoreUnavailableError
from klaroen.core.mandates import Grant, GrantPage, GrantView, Halt, HaltView
from klaroen.core.model import Network, NetworkId, Token
from klaroen.core.refusals import refuse
from klaroen.core.views import rfc3339
from klaroen.dispatch.accept import unavailable
from klaroen.dispatch.barring import enforce
from klaroen.dispatch.desk import Desk

View = GrantPage | GrantView | HaltView

_encode = msgspec.msgpack.Encoder().encode


async def answer(desk: Desk, token: Token, question: mandates.Decree) -> View:
    """Raises InputError."""
    if isinstance(question, mandates.ListGrants):
        network = _network(desk, token, question.network, "see_grants")
        return GrantPage(tuple(grant_view(desk, one) for one in desk.mandates.of(network.id)))
    async with desk.deciding:
        return await _decide(desk, token, question)


async def _decide(
    desk: Desk,
    token: Token,
    question: mandates.PutGrant | mandates.WithdrawGrant | mandates.StopNetwork | mandates.ResumeNetwork,
) -> GrantView | HaltView:
    match question:
        case mandates.PutGrant():
            return await _grant(desk, token, question)
        case mandates.WithdrawGrant():
            return await _withdraw(desk, token, question)
        case mandates.StopNetwork():
            return await _stop(desk, token, question)
        case mandates.ResumeNetwork():
            return await _resume(desk, token, question)


def _network(desk: Desk, token: Token, name: str, action: policy.Action) -> Network:
    """Return a network of the token's scope. Raises InputError."""
    policy.demand(token, action)
    network = desk.register.snapshot.networks.get(NetworkId(name))
    if network is None or not policy.scope_of(token)(network):
        raise refuse("not-found", "no_such_network")
    return network


async def _write(desk: Desk, method: Callable[..., Any], *args: Any) -> None:
    try:
        await desk.writer.write(method, *args, urgent=True)
    except StoreUnavailableError as error:
        raise unavailable() from error


# --- grants ---------------------------------------------------------------------------------------------------------


async def _grant(desk: Desk, token: Token, question: mandates.PutGrant) -> GrantView:
    network = _network(desk, token, question.network, "grant")
    now = desk.clock.now()
    ends_at = mandates.end_of(question.request.until, now)
    mandates.check_grantee(network, question.coordinator)
    classes = tuple(dict.fromkeys(question.request.classes))
    grant = Grant(network.id, question.coordinator, classes, ends_at, now, token.name)
    name = grant_name(network.id, grant.coordinator)
    await _write(desk, desk.store.decree, "grant", name, _encode(grant), now, audit.granted(grant, token))
    desk.mandates.give(grant)
    watch_end(desk, grant)
    stopped = enforce(desk)  # one for fewer classes than before stops what it carries no more
    return grant_view(desk, grant, stopped)


async def _withdraw(desk: Desk, token: Token, question: mandates.WithdrawGrant) -> GrantView:
    network = _network(desk, token, question.network, "grant")
    grant = desk.mandates.grant(network.id, question.coordinator)
    if grant is None:
        raise refuse("not-found", "no_such_grant")
    now = desk.clock.now()
    deed = audit.grant_withdrawn(network.id, grant.coordinator, token, now)
    await _write(desk, desk.store.decree, "grant", grant_name(network.id, grant.coordinator), None, now, deed)
    desk.mandates.withdraw(network.id, grant.coordinator)
    return grant_view(desk, grant, enforce(desk))


def watch_end(desk: Desk, grant: Grant) -> None:
    """When a grant ends, what it carries stops."""

    def end() -> None:
        enforce(desk)

    desk.call_at(grant.ends_at, end)


def watch_ends(desk: Desk) -> None:
    """After a start: those that have not ended."""
    for grant in desk.mandates.every():
        if grant.ends_at > desk.clock.now():
            watch_end(desk, grant)


def grant_name(network: NetworkId, coordinator: str) -> str:
    return f"{network}/{coordinator}"


def grant_view(desk: Desk, grant: Grant, stopped: int = 0) -> GrantView:
    network = desk.register.snapshot.networks.get(grant.network)
    return GrantView(
        network=grant.network,
        coordinator=grant.coordinator,
        classes=grant.classes,
        until=rfc3339(grant.ends_at) or "",
        given_at=rfc3339(grant.given_at) or "",
        by=grant.by,
        holds=desk.mandates.grant(grant.network, grant.coordinator) == grant
        and mandates.holds(grant, network, desk.clock.now()),
        stopped=stopped,
    )


# --- networks -------------------------------------------------------------------------------------------------------


async def _stop(desk: Desk, token: Token, question: mandates.StopNetwork) -> HaltView:
    network = _network(desk, token, question.network, "stop_network")
    if desk.mandates.halted(network.id) is not None:
        return halt_view(desk, network.id, 0)
    halt = Halt(network.id, question.request.reason, question.request.with_, desk.clock.now(), token.name)
    deed = audit.halted("stopped", halt, token)
    await _write(desk, desk.store.decree, "halt", network.id, _encode(halt), halt.halted_at, deed)
    desk.mandates.halt(halt)
    desk.relay_register()
    return halt_view(desk, network.id, enforce(desk))


async def _resume(desk: Desk, token: Token, question: mandates.ResumeNetwork) -> HaltView:
    network = _network(desk, token, question.network, "stop_network")
    if desk.mandates.halted(network.id) is not None:
        now = desk.clock.now()
        halt = Halt(network.id, question.request.reason, question.request.with_, now, token.name)
        deed = audit.halted("resumed", halt, token)
        await _write(desk, desk.store.decree, "halt", network.id, None, now, deed)
        desk.mandates.lift(network.id)
        desk.relay_register()
    if desk.register.snapshot.networks[network.id].stopped:
        raise refuse("state", "stopped_in_register")
    return halt_view(desk, network.id, 0)


def halt_view(desk: Desk, network: NetworkId, stopped: int) -> HaltView:
    halt = desk.mandates.halted(network)
    return HaltView(
        network=network,
        stopped=desk.register.snapshot.networks[network].stopped,
        recognised=desk.register.snapshot.networks[network].recognised,
        since=rfc3339(halt.halted_at) if halt is not None else None,
        deliveries_stopped=stopped,
    )
