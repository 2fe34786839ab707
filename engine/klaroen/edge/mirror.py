"""What dispatch last pushed: the tokens, the open alerts, whether it is ready.

Law: the mirror answers only while it is connected and only to tokens that the push names; whatever it cannot answer
is asked. Every change of an alert raises its counter, over restarts too, so that a stream can be resumed.
"""

import asyncio
from typing import Final

import msgspec

from klaroen.core.calls import Alerts, Readiness, Seen, Tokens
from klaroen.core.model import FINAL_STATES
from klaroen.core.views import StatusView
from klaroen.edge.tokens import TokenTable

CLOSED_MAX: Final = 1000
"""Alerts in a final state that are remembered, so that streams are told the end once: some 3 MB."""
STARTING: Final = Readiness(False, False, "dispatch is not connected")

_encoder = msgspec.json.Encoder()


class Glimpse:
    """One alert at one counter; its JSON is made once, for however many streams."""

    __slots__ = ("_json", "counter", "passed", "status", "tokens")

    def __init__(self, counter: int, status: StatusView, tokens: frozenset[str]) -> None:
        self.counter, self.status, self.tokens = counter, status, tokens
        self.passed = asyncio.Event()
        """Set once this is no longer how the alert stands."""
        self._json: bytes | None = None

    @property
    def final(self) -> bool:
        return self.status.state in FINAL_STATES

    @property
    def json(self) -> bytes:
        if self._json is None:
            self._json = _encoder.encode(self.status)
        return self._json


class Mirror:
    """Filled by the link; read by endpoints and streams."""

    def __init__(self, counter: int) -> None:
        self.tokens = TokenTable(heard=False)
        self.readiness = STARTING
        self.connected = False
        self._counter = counter
        self._glimpses: dict[str, Glimpse] = {}
        self._closed: dict[str, Glimpse] = {}
        self._greeted = False

    # --- what the link tells -----------------------------------------------------------------------------------------

    def up(self) -> None:
        self.connected, self._greeted = True, False

    def down(self) -> None:
        """Tokens and alerts stay: the ones to authenticate by, the others until the next greeting replaces them."""
        self.connected = False
        self.readiness = STARTING

    def take(self, push: Tokens | Alerts | Readiness) -> None:
        match push:
            case Tokens(tokens):
                self.tokens = TokenTable(tokens)
            case Alerts(alerts):
                self._take_alerts(alerts)
            case Readiness():
                self.readiness = push

    def _take_alerts(self, alerts: tuple[Seen, ...]) -> None:
        if not self._greeted:  # the first push after a greeting is all that is open: what it lacks was closed meanwhile
            self._greeted = True
            for alert in self._glimpses.keys() - {seen.status.id for seen in alerts}:
                self.forget(alert)
        for seen in alerts:
            self._put(Glimpse(self._next(), seen.status, seen.tokens))

    def _put(self, glimpse: Glimpse) -> None:
        alert = glimpse.status.id
        self.forget(alert)
        if glimpse.final:
            self._closed.pop(alert, None)
            self._closed[alert] = glimpse
            if len(self._closed) > CLOSED_MAX:
                del self._closed[next(iter(self._closed))]
        else:
            self._glimpses[alert] = glimpse

    def _next(self) -> int:
        self._counter += 1
        return self._counter

    # --- what endpoints ask ------------------------------------------------------------------------------------------

    def seen(self, alert: str, token: str) -> Glimpse | None:
        """Return the open alert as last pushed, if it may be shown to this token now."""
        glimpse = self._glimpses.get(alert) if self.connected else None
        return glimpse if glimpse is not None and token in glimpse.tokens else None

    def forget(self, alert: str) -> None:
        """What was pushed is known to be out of date: whoever needs it asks, until the next push."""
        glimpse = self._glimpses.pop(alert, None)
        if glimpse is not None:
            glimpse.passed.set()

    def outdate(self, alert: str) -> None:
        """It was acted upon: forget it, and what it takes the place of when it is let go."""
        glimpse = self._glimpses.get(alert)
        self.forget(alert)
        if glimpse is not None and glimpse.status.supersedes is not None:
            self.forget(glimpse.status.supersedes)

    def told(self, status: StatusView, token: str) -> Glimpse:
        """Return what was asked in this token's name as if it had been pushed, so that a stream can wait upon it."""
        glimpse = Glimpse(self._next(), status, frozenset({token}))
        pushed = self._glimpses.get(status.id)
        if glimpse.final or (pushed is None and status.id not in self._closed):
            self._put(glimpse)
        elif pushed is not None:
            glimpse.passed = pushed.passed
        else:  # it was read before the end that was pushed: read it again
            glimpse.passed.set()
        return glimpse

    def ended(self, alert: str, token: str) -> Glimpse | None:
        """Return the end of the alert as it was told, if it is remembered and may be shown to this token.

        Late receipts amend a closed alert's account: only for streams is the end as it was told good enough.
        """
        glimpse = self._closed.get(alert)
        return glimpse if glimpse is not None and token in glimpse.tokens else None

    def wake(self) -> None:
        """Make every stream look up: the edge is closing, or the tokens have changed."""
        for glimpse in self._glimpses.values():
            glimpse.passed.set()

    def statistics(self) -> dict[str, int]:
        return {"alerts": len(self._glimpses), "closed": len(self._closed)}
