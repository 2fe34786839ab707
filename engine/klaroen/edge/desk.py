"""What every endpoint works with: the link, the mirror, and the bounds that hold for all callers together.

Law: an endpoint gets it as its first argument and keeps nothing between requests.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec

from klaroen.clips import ClipStore
from klaroen.core.calls import Question
from klaroen.core.cap import Profile
from klaroen.core.errors import InputError, Problem
from klaroen.core.model import Instant
from klaroen.edge.exchange import Bodies, Call, Reply
from klaroen.edge.mirror import Mirror
from klaroen.edge.signature import Verifier
from klaroen.edge.tokens import Rates
from klaroen.recordings import SPOOL
from klaroen.setting_mail import Smtp
from klaroen.setting_whatsapp import Whatsapp
from klaroen.settings import Settings, SmsHttp, Twilio
from klaroen.telemetry import EdgeMetrics
from klaroen_adapters.voice.twilio_mark import Account

ASK_S: Final = 20.0
"""The longest wait for an answer: an accept takes 25 ms, a page of the largest alert a second on a busy disk."""
UPLOADS_MAX: Final = 4
"""Recordings that come in at once: the spool holds a quarter of a gigabyte at most."""
STREAMS_MAX: Final = 1000
"""Event streams at once: each may be written to four times a second."""
STREAMS_PER_TOKEN_MAX: Final = 50
"""A zone's control room: each officer's screen shows an alert or two."""

T = TypeVar("T")


class Asks(Protocol):
    """The link, as endpoints see it."""

    async def ask(self, principal: str | None, question: Question, timeout_s: float) -> bytes | Problem: ...


class Webhook(msgspec.Struct, frozen=True):
    """A carrier whose receipts come over HTTP, and the secret that proves them, if there is one."""

    carrier: SmsHttp | Smtp | Twilio | Whatsapp
    secret: bytes | None
    account: Account | None = None
    """Of a carrier that asks us what its calls do next."""
    password: bytes | None = None
    """Of a carrier that asks who we are before it posts anything."""

    def __repr__(self) -> str:
        return f"Webhook({self.carrier.name})"


class Pages(msgspec.Struct, frozen=True):
    """The description of the interface, made once from the table of routes."""

    openapi: bytes
    docs: bytes
    policy: bytes
    """The Content-Security-Policy under which `docs` is shown."""


class Desk:
    """The edge's state, such as it is."""

    def __init__(
        self,
        settings: Settings,
        link: Asks,
        mirror: Mirror,
        metrics: EdgeMetrics,
        webhooks: Mapping[str, Webhook],
        pages: Pages,
        now: Callable[[], Instant],
        clock: Callable[[], float],
    ) -> None:
        self.link, self.mirror, self.metrics, self.webhooks = link, mirror, metrics, webhooks
        self.pages, self.now, self.clock = pages, now, clock
        self.rates = Rates(settings.edge.requests_per_s, clock)
        self.bodies = Bodies()
        self.clips = ClipStore(settings.data_dir)
        self.spool = Path(settings.data_dir, SPOOL)
        self.uploads = asyncio.Semaphore(UPLOADS_MAX)
        self.profile = Profile(settings.cap.text, settings.cap.headline, settings.cap.municipalities)
        self.verifier = Verifier(settings.cap.signers) if settings.cap.signers else None
        self.streams: Counter[str] = Counter()
        self.draining = False

    async def ask(self, principal: str | None, question: Question, view: type[T], within_s: float = ASK_S) -> T:
        """Return dispatch's answer; raises InputError with the problem that it told, or that it is away."""
        answer = await self.link.ask(principal, question, within_s)
        if isinstance(answer, Problem):
            raise InputError.of(answer)
        told: T = _decoder(view).decode(answer)  # type: ignore[arg-type]  # a class is hashable
        return told

    async def show(self, call: Call, question: Question, view: type[Any]) -> Reply:
        """Reply with dispatch's answer to the caller's question."""
        return Reply(200, as_json(await self.ask(call.token.name, question, view)))

    def drain(self) -> None:
        """Take no new alert; end every stream."""
        self.draining = True
        self.mirror.wake()


@cache
def _decoder(view: type[Any]) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(view)


_encoder = msgspec.json.Encoder()


def as_json(view: object) -> bytes:
    return _encoder.encode(view)
