"""Who calls: bearer tokens (or certified names) found in the table that dispatch pushed.

Law: a secret is compared by its SHA-256 alone, in constant time; a token's secret stands in no log, no error and no
memory of ours. How fast a token may ask is bounded; a warm or crisis alert is never refused for it.
"""

import hmac
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final

from msgspec import Struct

from klaroen.core.errors import InputError, Problem
from klaroen.core.model import Instant, Token
from klaroen.edge.exchange import Call

SECRET_CHARACTERS_MAX: Final = 512
"""Ours have 43; a longer one is not worth hashing."""


class TokenTable:
    """All valid tokens, as last pushed; it outlives the connection that pushed it."""

    def __init__(self, tokens: Iterable[Token] = (), *, heard: bool = True) -> None:
        """`heard`: dispatch has said that these are all; an edge that has just started knows of none."""
        self.heard = heard
        self._by_hash = {token.hash: token for token in tokens}
        self._by_name = {token.name: token for token in self._by_hash.values()}

    def by_secret(self, secret: str) -> Token | None:
        digest = sha256(secret.encode()).digest()
        token = self._by_hash.get(digest)
        return token if token is not None and hmac.compare_digest(token.hash, digest) else None

    def by_name(self, name: str) -> Token | None:
        return self._by_name.get(name)


def authenticate(call: Call, table: TokenTable, now: Instant) -> Token:
    """Return the token that the call carries, else the one that its client certificate names.

    Raises InputError (401); 503 before dispatch has told who may call: nobody is refused for what we do not know yet.
    """
    header = call.header(b"authorization")
    if header is not None:
        scheme, _, secret = header.partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not 0 < len(secret) <= SECRET_CHARACTERS_MAX:
            raise InputError("unauthenticated", "the Authorization header is not `Bearer TOKEN`")
        token = table.by_secret(secret)
    elif call.certified is not None:
        token = table.by_name(call.certified)
    else:
        raise InputError("unauthenticated", "no Authorization header")
    if token is None:
        if not table.heard:
            raise InputError("unavailable", "dispatch has not told yet who may call; nothing was taken")
        raise InputError("unauthenticated", "this token is not known")
    if token.expires_at is not None and token.expires_at <= now:
        raise InputError("unauthenticated", "this token has expired")
    return token


class _Bucket(Struct):
    level: float
    at_s: float


class Rates:
    """A token bucket a token: a second's worth may come at once."""

    def __init__(self, per_s: float, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = max(1.0, per_s)
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def wait_s(self, token: str) -> float:
        """Take one request from the token's bucket and return 0, or take nothing and return when to come back."""
        now_s = self._clock()
        bucket = self._buckets.get(token)
        if bucket is None:
            bucket = self._buckets[token] = _Bucket(self._burst, now_s)
        bucket.level = min(self._burst, bucket.level + (now_s - bucket.at_s) * self._per_s)
        bucket.at_s = now_s
        if bucket.level < 1.0:
            return (1.0 - bucket.level) / self._per_s
        bucket.level -= 1.0
        return 0.0

    def take(self, token: str) -> None:
        """Raises InputError (429) where the token asks too fast."""
        wait_s = self.wait_s(token)
        if wait_s > 0:
            raise InputError.of(
                Problem("too-many-requests", f"more than {self._per_s:g} requests a second", retry_after_s=wait_s)
            )
