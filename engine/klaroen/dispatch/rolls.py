"""Tokens and the register: what the command line changes, and the networks that users look up.

Law: a change is durable before it holds, and holds from then on for everything that is accepted later. The same code
serves a running dispatch and, where none runs, the command that has taken the data directory's lock.
"""

from pathlib import Path

import msgspec
import trio

from klaroen.core import audit, calls, policy
from klaroen.core.errors import InputError, StoreUnavailableError
from klaroen.core.intake import Near, Targets
from klaroen.core.model import Instant, Network, Token
from klaroen.core.records import Store
from klaroen.core.snapshot import Snapshot
from klaroen.core.targets import folded, resolve
from klaroen.core.views import NetworkPage, NetworkView, TokenView, rfc3339
from klaroen.dispatch import officers, trail, versions
from klaroen.dispatch.accept import unavailable
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.evaluating import evaluate_places
from klaroen.dispatch.officers import Writes
from klaroen.register.book import Book
from klaroen.register.check import check_register
from klaroen.register.export import export_register
from klaroen.register.model import Register

_encode = msgspec.msgpack.Encoder().encode

FILES = ("zones.jsonl", "networks.jsonl", "members.csv")


# --- the register ---------------------------------------------------------------------------------------------------


def register_of(book: Book) -> Register:
    """Return the register in force. Call it from a thread. Raises InputError."""
    register = book.register()
    if register is None:
        raise InputError("not-found", "No register has been imported.")
    return register


def places_of(book: Book) -> Snapshot:
    """Return zones and networks of the register in force. Raises InputError."""
    version = book.version()
    if version == 0:
        raise InputError("not-found", "No register has been imported.")
    return book.places(version)


def findings(book: Book, now: Instant) -> list[str]:
    """Return what is wrong with the register in force, in words (R2, R6). Call it from a thread."""
    return [
        f"{one.network}{f' {one.member}' if one.member else ''}: {one.words} ({one.rule})"
        + (f" [{', '.join(one.windows)}]" if one.windows else "")
        for one in check_register(register_of(book), now)
    ]


def write_export(book: Book, directory: str) -> None:
    """Write the three files of the register in force. Call it from a thread."""
    documents = export_register(register_of(book))
    target = Path(directory)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in zip(FILES, documents, strict=True):
        path = target / name
        path.touch(mode=0o600)
        path.write_bytes(content)


# --- the command line -----------------------------------------------------------------------------------------------


async def answer(desk: Desk, question: calls.Question) -> bytes:
    """Answer a question of the command line. Raises InputError, RegisterFaults."""
    try:
        view = await serve(desk.store, desk.book, desk.writer.write, desk.clock.now(), question, desk)
    except StoreUnavailableError as error:
        raise unavailable("The store cannot write now.") from error
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
            _reload_tokens(store, desk)
            return None
        case calls.RevokeToken(name):
            if not await write(store.revoke_token, name, audit.token_revoked(name, now)):
                raise InputError("not-found", "There is no token of that name.")
            _reload_tokens(store, desk)
            return None
        case calls.ListTokens():
            return [token_view(token) for token in store.tokens()]
        case calls.PutPin() | calls.RevokePin() | calls.ListPins() | calls.UnlockOfficer():
            return await officers.serve(store, book, write, now, question)
        case calls.ImportRegister():
            return await versions.import_register(book, write, question, now, desk)
        case calls.CheckRegister():
            return await trio.to_thread.run_sync(findings, book, now)
        case calls.VerifyAudit():
            return await trio.to_thread.run_sync(trail.verify, store, question)
        case calls.ExportAudit():
            return await trio.to_thread.run_sync(trail.export, store, question)
        case calls.Evaluate():
            found = desk.register.snapshot if desk is not None else places_of(book)
            return await trio.to_thread.run_sync(evaluate_places, store, book, found, question, now)
        case calls.ExportRegister(directory):
            await trio.to_thread.run_sync(write_export, book, directory)
            return None
    raise InputError("not-allowed", "That is asked over HTTP, with a token.")


def _reload_tokens(store: Store, desk: Desk | None) -> None:
    if desk is not None:
        desk.tokens = {token.name: token for token in store.tokens()}
        desk.tokens_changed = True
        desk.push_bell.ring()


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
            raise InputError("not-found", "There is no such network.")
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
