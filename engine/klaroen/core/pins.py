"""Officers' numbers and PINs, and who may not try any more.

Law: pure. A PIN is kept as scrypt of it, and never shown. Wrong tries count for the officer and for the caller, over
calls and restarts; each lock lasts twice as long as the one before, and while it lasts nothing is tried at all, so that
a right guess is not told from a wrong one. A caller is locked before an officer is: who knows a number alone cannot
keep its officer from the telephone by one call.
"""

import hashlib
import hmac
from typing import Final

from msgspec import Struct

from klaroen.core.model import Instant

PIN_MIN: Final = 6
PIN_MAX: Final = 12
CODE_MAX: Final = 12
SALT_BYTES: Final = 16
COST: Final = 1 << 14
"""scrypt's N: 16 MiB and some 40 ms a try."""

OFFICER_TRIES: Final = 5
CALLER_TRIES: Final = 3
LOCK_MS: Final = 15 * 60_000
LOCKS_MAX: Final = 6
"""Doublings: eight hours at most."""
FORGET_MS: Final = 24 * 3_600_000
"""After a day without a wrong try, counting begins anew."""


class Pin(Struct, frozen=True):
    """How an officer identifies by telephone: `code` is what they key in, unlike any other's."""

    officer: str
    code: str
    salt: bytes
    hash: bytes
    made_at: Instant

    def __repr__(self) -> str:
        return f"Pin({self.officer!r})"


def officer_of(name: str) -> str:
    """Return under which name an officer's wrong tries are kept."""
    return f"officer {name}"


class Tries(Struct, frozen=True):
    """Wrong tries of one officer, or from one caller."""

    wrong: int = 0
    locks: int = 0
    last_at: Instant = Instant(0)
    until: Instant = Instant(0)
    """Locked until then."""


def make_pin(officer: str, code: str, pin: str, salt: bytes, now: Instant) -> Pin:
    return Pin(officer, code, salt, _hash(pin, salt), now)


def matches(pin: Pin, given: str) -> bool:
    """Tell whether that is the PIN. Takes some 40 ms, whatever was given."""
    return hmac.compare_digest(pin.hash, _hash(given, pin.salt))


def is_locked(tries: Tries, now: Instant) -> bool:
    return now < tries.until


def after_wrong(tries: Tries, most: int, now: Instant) -> Tries:
    """Return how they stand after a wrong try; `most` in a row lock."""
    if now - tries.last_at >= FORGET_MS:
        tries = Tries()
    wrong = tries.wrong + 1
    if wrong < most:
        return Tries(wrong, tries.locks, now, tries.until)
    until = Instant(now + (LOCK_MS << min(tries.locks, LOCKS_MAX - 1)))
    return Tries(0, tries.locks + 1, now, until)


def _hash(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=COST, r=8, p=1, maxmem=64 << 20, dklen=32)
