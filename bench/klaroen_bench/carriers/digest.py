"""Digest authentication as a trunk asks for it (RFC 7616, 8760): challenge, and the proof of a password.

Law: pure; a nonce carries its own age, sealed, so that nothing is remembered about callers.
"""

import hashlib
import hmac
import re
from typing import Final, Literal

ALGORITHMS: Final = {"MD5": "md5", "SHA-256": "sha256"}
NONCE_S: Final = 60.0
"""Older than this a nonce is stale: the caller is asked again, and may answer without asking anybody for a password."""
REALM: Final = "trunk"
_FIELD: Final = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')

Verdict = Literal["granted", "stale", "none", "refused"]


class Gate:
    """What is asked of who calls."""

    def __init__(self, user: str, password: str, algorithm: str, secret: bytes) -> None:
        self._user = user
        self._password = password
        self._algorithm = algorithm
        self._secret = secret

    def challenge(self, now: float, *, stale: bool = False) -> str:
        """Return the value of a WWW-Authenticate or Proxy-Authenticate."""
        fields = f'Digest realm="{REALM}", nonce="{self._nonce(now)}", algorithm={self._algorithm}, qop="auth"'
        return fields + (", stale=true" if stale else "")

    def judge(self, authorization: str, method: str, now: float) -> Verdict:
        """Return what an Authorization or Proxy-Authorization is worth."""
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() != "digest":
            return "none"
        fields = {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(rest)}
        nonce = fields.get("nonce", "")
        stamp = nonce.partition("-")[0]
        if not stamp.isdecimal() or not hmac.compare_digest(nonce, self._nonce(int(stamp) / 1000)):
            return "none"
        expected = self._proof(fields, method)
        if fields.get("username") != self._user or not hmac.compare_digest(fields.get("response", ""), expected):
            return "refused"
        return "granted" if now - int(stamp) / 1000 <= NONCE_S else "stale"

    def _nonce(self, at: float) -> str:
        stamp = str(round(at * 1000))
        return f"{stamp}-{hmac.new(self._secret, stamp.encode(), 'sha256').hexdigest()[:32]}"

    def _proof(self, fields: dict[str, str], method: str) -> str:
        """Return the response that belongs to these fields."""
        own = self._hash(f"{self._user}:{REALM}:{self._password}")
        asked = self._hash(f"{method}:{fields.get('uri', '')}")
        if not fields.get("qop"):
            return self._hash(f"{own}:{fields.get('nonce', '')}:{asked}")
        middle = ":".join(fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
        return self._hash(f"{own}:{middle}:{asked}")

    def _hash(self, words: str) -> str:
        return hashlib.new(ALGORITHMS[self._algorithm], words.encode(), usedforsecurity=False).hexdigest()
