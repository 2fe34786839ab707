"""What the command line changes, and the networks that users look up.

Law: a change is durable before it holds, and holds from then on for everything that is accepted later. The same code
serves a running dispatch and, where none runs, the command that has taken the data directory's lock.
"""

import msgspec
import trio

from klaroen.core import audit, calls, policy
from klaroen.core.errors import InputError, StoreUnavailableError
from klaroen.core.intake import Near, Targets
from klaroen.core.model import Instant, Network, Token
from klaroen.core.records import Store
from klaroen.core.refusals import refuse
from klaroen.core.targets import folded, resolve
from klaroen.core.views import NetworkPage, NetworkView, TokenView, rfc3339
from klaroen.dispatch import officers, registry, trail
from klaroen.dispatch.accept import unavailable
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.evaluating import evaluate_places
from klaroen.dispatch.officers import Writes
from klaroen.dispatch.retiring import reload_tokens
from klaroen.register.book import Book
from klaroen.register.keys import KeyFault

_encode = msgspec.msgpack.Encoder().encode

# --- the command line -----------------------------------------------------------------------------------------------


async def answer(desk: Desk, question: calls.Question) -> bytes:
    """Answer a question of the command line. Raises InputError, RegisterFaults."""
    try:
        view = await serve(desk.store, desk.book, desk.writer.write, desk.clock.now(), question, desk)
    except StoreUnavailableError as error:
        raise unavailable() from error
    except KeyFault as fault:
        raise InputError("internal-error", f"{fault}.") from None
    return _encode(view)


async def serve(
    store: Store, book: Book, write: Writes, now: Instant, question: calls.Question, desk: Desk | None
) -> object:
    """Do what the command line asks; `desk` is the running dispatch, if this is one."""
    match question:
        case calls.CreateToken(token):
            if any(one.name == token.name for one in store.tokens()):
                raise InputError("invalid", "A token of that name exists.", at="$.name")
            await write(store.put_token, token, audit.token_made(token))
            reload_tokens(store, desk)
            return None
        case calls.RevokeToken(name):
            if not await write(store.revoke_token, name, audit.token_revoked(name, now)):
                raise InputError("not-found", "There is no token of that name.")
            reload_tokens(store, desk)
            return None
        case calls.ListTokens():
            return [token_view(token) for token in store.tokens()]
        case calls.PutPin() | calls.RevokePin() | calls.ListPins() | calls.UnlockOfficer():
            return await officers.serve(store, book, write, now, question)
        case calls.VerifyAudit():
            return await trio.to_thread.run_sync(trail.verify, store, question)
        case calls.ExportAudit():
            return await trio.to_thread.run_sync(trail.export, store, question)
        case calls.Evaluate():
            found = desk.register.snapshot if desk is not None else registry.places_of(book)
            return await trio.to_thread.run_sync(evaluate_places, store, book, found, question, now)
    if isinstance(question, registry.Question):
        return await registry.serve(store, book, write, now, question, desk)
    raise InputError("not-allowed", "That is asked over HTTP, with a token.")


def token_view(token: Token) -> TokenView:
    return TokenView(
        token.name, token.role, token.zones, token.networks, token.municipalities, token.provinces, token.carrier,
        rfc3339(token.created_at), rfc3339(token.expires_at),
    )  # fmt: skip


# --- networks -------------------------------------------------------------------------------------------------------


def networks(desk: Desk, token: Token, question: calls.ListNetworks | calls.ShowNetwork) -> NetworkPage | NetworkView:
    """Return networks within the token's scope (R7); an operator sees all of them, and no member."""
    covers = (lambda _: True) if token.role == "operator" else policy.scope_of(token)
    seen = [network for network in desk.register.snapshot.networks.values() if covers(network)]
    if isinstance(question, calls.ShowNetwork):
        found = next((network for network in seen if network.id == question.network), None)
        if found is None:
            raise refuse("not-found", "no_such_network")
        return network_view(desk, found)
    if question.municipality is not None:
        wanted = folded(question.municipality)
        seen = [network for network in seen if folded(network.municipality) == wanted]
    if question.street is not None:
        street = folded(question.street)
        seen = [network for network in seen if any(folded(one) == street for one in network.area.streets)]
    if question.near is not None:
        lon, lat, metres = question.near
        near = set(resolve(Targets(near=Near((lon, lat), metres)), desk.register.snapshot).networks)
        seen = [network for network in seen if network.id in near]
    return NetworkPage(tuple(network_view(desk, network) for network in seen))


def network_view(desk: Desk, network: Network) -> NetworkView:
    return NetworkView(
        network.id, network.name, network.kind, network.zone, network.municipality, network.province, network.region,
        network.languages, network.recognised, network.stopped, desk.register.members(network.id),
        network.area.streets, network.centroid,
    )  # fmt: skip
