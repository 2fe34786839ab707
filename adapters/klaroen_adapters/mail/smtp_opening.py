"""The opening of an SMTP connection: greeted, secured, authenticated.

Law: nothing is said in the open but EHLO and STARTTLS where TLS is agreed, and what the relay said in the open does not
count afterwards (RFC 3207, 4.2). Words tell its codes, never what it said.
Source: RFC 5321, 3.1 and 3.2; RFC 3207 (STARTTLS), 4954 (AUTH), 4616 (PLAIN).
"""

from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from klaroen_adapters.mail.smtp_reply import Reply

Retry = Literal["at_once", "back_off", "refused"]


class Terms(Struct, frozen=True):
    """What is agreed with one relay."""

    hostname: str
    """Who we say we are."""
    tls: Literal["starttls", "implicit", "none"]
    user: str | None = None
    password: str = ""
    messages_max: int = 100
    """A connection ends after so many: relays count, and balance by connections."""
    every_report: bool = False
    """Ask for reports of delivery too, not of failures alone."""

    def __repr__(self) -> str:
        return f"Terms({self.hostname})"


class Ending(Struct, frozen=True):
    """Why a session ended, and when to try again. `at_once`: we ended it, and the next one follows."""

    words: str
    retry: Retry = "back_off"


class Opening:
    """Tells, reply by reply, what to say next; `ending` says why there is nothing more to say."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.state: Literal["greeting", "ehlo", "starttls", "securing", "auth", "ready", "failed"] = "greeting"
        self.ending: Ending | None = None
        self.extensions: Mapping[str, str] = {}
        self._secured = terms.tls == "implicit"
        self._challenges: deque[bytes] = deque()
        """What AUTH still has to say."""

    def secured(self) -> bytes:
        """The connection speaks TLS now: say hello anew."""
        self._secured = True
        self.extensions = {}
        return self._hello()

    def heard(self, reply: Reply) -> bytes:
        """Return what to say: nothing while TLS is to be made, when all is said, or when it failed."""
        match self.state:
            case "greeting":
                return self._hello() if reply.code == 220 else self._fail(f"greeted by {reply.code_words}")
            case "ehlo":
                return self._greeted(reply)
            case "starttls" if reply.code == 220:
                self.state = "securing"
                return b""
            case "starttls":
                return self._fail(f"STARTTLS answered by {reply.code_words}")
            case "auth":
                return self._authenticated(reply)
            case _:
                return self._fail("protocol error: a reply to nothing")

    def _hello(self) -> bytes:
        self.state = "ehlo"
        return b"EHLO " + self._terms.hostname.encode() + b"\r\n"

    def _greeted(self, reply: Reply) -> bytes:
        if reply.code != 250:
            return self._fail(f"EHLO answered by {reply.code_words}")
        self.extensions = reply.keywords()
        if self._terms.tls == "starttls" and not self._secured:
            if "STARTTLS" not in self.extensions:
                return self._fail("no STARTTLS: nothing is sent in the open")
            self.state = "starttls"
            return b"STARTTLS\r\n"
        if self._terms.user is not None:
            return self._authenticate(self._terms.user)
        self.state = "ready"
        return b""

    def _authenticate(self, user: str) -> bytes:
        mechanisms = self.extensions.get("AUTH", "").split()
        name, password = user.encode(), self._terms.password.encode()
        self.state = "auth"
        if "PLAIN" in mechanisms:
            self._challenges = deque([b64encode(b"\0" + name + b"\0" + password)])
            return b"AUTH PLAIN\r\n"
        if "LOGIN" in mechanisms:
            self._challenges = deque([b64encode(name), b64encode(password)])
            return b"AUTH LOGIN\r\n"
        return self._fail("no AUTH mechanism that we know")

    def _authenticated(self, reply: Reply) -> bytes:
        if reply.code == 334 and self._challenges:
            return self._challenges.popleft() + b"\r\n"
        if reply.code == 235:
            self.state = "ready"
            return b""
        return self._fail(f"AUTH answered by {reply.code_words}", "refused" if reply.code >= 500 else "back_off")

    def _fail(self, words: str, retry: Retry = "back_off") -> bytes:
        self.state = "failed"
        self.ending = Ending(words, retry)
        return b""
