"""Who may call the central number: officers of the register, their codes and PINs, as the command line changes them.

Law: a PIN comes here hashed already. An officer whom the register does not name has no networks, so gets none.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from klaroen.core import audit, calls
from klaroen.core.errors import InputError
from klaroen.core.model import Instant, Network, NetworkId
from klaroen.core.pins import Pin, Tries, is_locked, officer_of
from klaroen.core.records import Store
from klaroen.core.views import PinView, rfc3339
from klaroen.register.book import Book

Question = calls.PutPin | calls.RevokePin | calls.ListPins | calls.UnlockOfficer


class Writes(Protocol):
    async def __call__(self, method: Callable[..., Any], *args: Any) -> Any: ...


async def serve(store: Store, book: Book, write: Writes, now: Instant, question: Question) -> list[PinView] | None:
    """Do what the command line asks. Raises InputError."""
    match question:
        case calls.PutPin(pin):
            _check(store, book, pin)
            await write(store.put_pin, pin, audit.pin_changed("pin", pin.officer, now))
            await write(store.put_tries, officer_of(pin.officer), None)
        case calls.RevokePin(officer):
            if not await write(store.revoke_pin, officer, audit.pin_changed("pin_revoked", officer, now)):
                raise InputError("not-found", "This officer has no PIN.")
        case calls.UnlockOfficer(officer):
            if not any(pin.officer == officer for pin in store.pins()):
                raise InputError("not-found", "This officer has no PIN.")
            await write(store.put_tries, officer_of(officer), None, audit.pin_changed("pin_unlocked", officer, now))
        case calls.ListPins():
            networks = book.networks()
            return [_view(pin, networks, store.tries(officer_of(pin.officer)), now) for pin in store.pins()]
    return None


def networks_of(networks: Mapping[NetworkId, Network], officer: str) -> tuple[NetworkId, ...]:
    """Return the networks that name this officer, sorted."""
    found = (name for name, network in networks.items() if any(one.id == officer for one in network.officers))
    return tuple(sorted(found))


def _check(store: Store, book: Book, pin: Pin) -> None:
    if not networks_of(book.networks(), pin.officer):
        raise InputError("not-found", "The register names no such officer.", at="$.officer", rule="R2")
    if any(one.code == pin.code and one.officer != pin.officer for one in store.pins()):
        raise InputError("invalid", "Another officer has that code.", at="$.code")


def _view(pin: Pin, networks: Mapping[NetworkId, Network], tries: Tries | None, now: Instant) -> PinView:
    until = tries.until if tries is not None and is_locked(tries, now) else None
    count = len(networks_of(networks, pin.officer))
    return PinView(pin.officer, pin.code, count, rfc3339(pin.made_at), rfc3339(until))
