"""The rows of officers' PINs and wrong tries, written in one transaction with the deed that changes them.

Law: no two PINs have the same code; what changes nothing is no deed.
"""

from klaroen.core.audit import Deed
from klaroen.core.pins import Pin, Tries
from klaroen.store import codec, sql, trail
from klaroen.store.connection import Connection


def put(writing: Connection, pin: Pin, deed: Deed | None) -> None:
    writing.run(sql.PUT_PIN, (pin.officer, pin.code, codec.encode(pin)))
    trail.enter(writing, deed)


def revoke(writing: Connection, officer: str, deed: Deed | None) -> bool:
    revoked = writing.run(sql.REVOKE_PIN, (officer,)) == 1
    trail.enter(writing, deed if revoked else None)
    return revoked


def put_tries(writing: Connection, who: str, tries: Tries | None, deed: Deed | None) -> None:
    if tries is None:
        writing.run(sql.CLEAR_TRIES, (who,))
    else:
        writing.run(sql.PUT_TRIES, (who, tries.last_at, codec.encode(tries)))
    trail.enter(writing, deed)
