"""Digest authentication as a client speaks it: a challenge in, credentials out.

Law: the password stands in here and in nothing that is printed or sent; a challenge that we cannot meet is None, never
an error. SHA-256 is preferred to MD5, and `auth` to no qop. Source: RFC 7616, RFC 2617, RFC 8760, RFC 3261, 22.
"""

from collections.abc import Callable, Sequence
from hashlib import md5, sha256
from typing import Final, Literal

from msgspec import Struct

from klaroen_adapters.voice.sip_headers import BLANK, ProtocolError, quote, read_pairs
from klaroen_adapters.voice.sip_message import Response

Door = Literal["server", "proxy"]
"""Who asks: 401 is the server's, 407 a proxy's on the way."""

_CHALLENGE: Final[dict[Door, str]] = {"server": "www-authenticate", "proxy": "proxy-authenticate"}
_ANSWER: Final[dict[Door, str]] = {"server": "Authorization", "proxy": "Proxy-Authorization"}
DOORS: Final[dict[int, Door]] = {401: "server", 407: "proxy"}

_HASHES: Final[dict[str, Callable[[bytes], str]]] = {
    "SHA-256": lambda octets: sha256(octets).hexdigest(),
    "MD5": lambda octets: md5(octets, usedforsecurity=False).hexdigest(),
}
"""In the order in which we like them."""
CHALLENGE_MAX: Final = 2048
"""Characters; what is repeated of a longer one would not fit a datagram with the rest of an INVITE."""
_COUNT_MAX: Final = 0xFFFFFFFF


class Challenge(Struct, frozen=True, gc=False):
    """One that we can meet."""

    realm: str
    nonce: str
    opaque: str | None
    algorithm: str
    """MD5 or SHA-256."""
    session: bool
    """The algorithm was said with "-sess"."""
    named: bool
    """The algorithm was said, and is repeated."""
    qop: bool
    stale: bool
    """Only the nonce is too old: the credentials may be right."""


class Keyring:
    """One account's credentials, and the challenges that it last met: they are used again until they are refused."""

    def __init__(self, user: str, password: str, draw: Callable[[], str]) -> None:
        self._user = user.encode().decode("latin-1")
        self._password = password.encode().decode("latin-1")
        self._draw = draw
        self._held: dict[Door, _Held] = {}

    def learn(self, door: Door, response: Response) -> Challenge | None:
        """Return the challenge of a 401 or 407 that is met from now on; None if we have nothing to meet it with."""
        challenge = choose(response.headers.get(_CHALLENGE[door], ())) if self._user else None
        if challenge is not None:
            cnonce = self._draw()
            self._held[door] = _Held(challenge, cnonce, self._secret(challenge, cnonce))
        return challenge

    def lines(self, method: str, uri: str) -> str:
        """Return the header lines that a request carries, each with its line end; none before the first challenge."""
        return "".join([self._line(door, held, method, uri) for door, held in self._held.items()])

    def _line(self, door: Door, held: "_Held", method: str, uri: str) -> str:
        challenge, digest = held.challenge, _HASHES[held.challenge.algorithm]
        held.count = held.count % _COUNT_MAX + 1
        count, asked = f"{held.count:08x}", digest(f"{method}:{uri}".encode("latin-1"))
        between = f"{count}:{held.cnonce}:auth:" if challenge.qop else ""
        response = digest(f"{held.secret}:{challenge.nonce}:{between}{asked}".encode("latin-1"))
        words = [
            f"username={quote(self._user)}",
            f"realm={quote(challenge.realm)}",
            f"nonce={quote(challenge.nonce)}",
            f"uri={quote(uri)}",
            f'response="{response}"',
        ]
        if challenge.named:
            words.append(f"algorithm={challenge.algorithm}{'-sess' if challenge.session else ''}")
        if challenge.opaque is not None:
            words.append(f"opaque={quote(challenge.opaque)}")
        if challenge.qop:
            words.append(f"qop=auth, nc={count}")
        if challenge.qop or challenge.session:
            words.append(f'cnonce="{held.cnonce}"')
        return f"{_ANSWER[door]}: Digest {', '.join(words)}\r\n"

    def _secret(self, challenge: Challenge, cnonce: str) -> str:
        """Return what RFC 7616 calls H(A1): the same for as long as the nonce is."""
        digest = _HASHES[challenge.algorithm]
        secret = digest(f"{self._user}:{challenge.realm}:{self._password}".encode("latin-1"))
        return digest(f"{secret}:{challenge.nonce}:{cnonce}".encode("latin-1")) if challenge.session else secret


class _Held(Struct):
    challenge: Challenge
    cnonce: str
    secret: str
    count: int = 0


def choose(values: Sequence[str]) -> Challenge | None:
    """Return the best of the challenges in these headers that we can meet."""
    able = [challenge for value in values if (challenge := read_challenge(value)) is not None]
    order = list(_HASHES)
    return min(able, key=lambda challenge: order.index(challenge.algorithm), default=None)


def read_challenge(value: str) -> Challenge | None:
    """Return one challenge, None if we cannot meet it: another scheme or algorithm, or integrity of the body."""
    scheme, _, text = value.partition(" ")
    if scheme.strip(BLANK).lower() != "digest" or len(value) > CHALLENGE_MAX:
        return None
    try:
        pairs = read_pairs(text)
    except ProtocolError:
        return None
    said = pairs.get("algorithm", "")
    algorithm, dash, session = (said or "MD5").upper().partition("-SESS")
    qops = [qop.strip(BLANK).lower() for qop in pairs["qop"].split(",")] if "qop" in pairs else []
    if algorithm not in _HASHES or session or "nonce" not in pairs or (qops and "auth" not in qops):
        return None
    return Challenge(
        realm=pairs.get("realm", ""),
        nonce=pairs["nonce"],
        opaque=pairs.get("opaque"),
        algorithm=algorithm,
        session=bool(dash),
        named=bool(said),
        qop=bool(qops),
        stale=pairs.get("stale", "").lower() == "true",
    )
