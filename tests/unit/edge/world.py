"""The edge's application in this process, linked to a fake dispatch; and a caller that speaks ASGI to it."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct
from tests.fakes.graph import PHONE_ID
from tests.unit.edge import samples
from tests.unit.edge.fake_dispatch import FakeDispatch
from tests.unit.edge.virtual import until

from klaroen.core.model import CarrierName, Instant
from klaroen.edge.app import Edge
from klaroen.edge.desk import Desk
from klaroen.edge.link import Link
from klaroen.edge.mirror import Mirror
from klaroen.edge.pages import make_pages
from klaroen.edge.receipts import read_webhooks
from klaroen.setting_mail import Smtp
from klaroen.setting_whatsapp import Whatsapp
from klaroen.settings import Edge as EdgeSettings
from klaroen.settings import Settings, SmsHttp
from klaroen.telemetry import EdgeMetrics

PAGES = make_pages()
RECEIPT_SECRET = b"receipt secret"


class Answer(Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        assert self.headers["content-type"] == "application/problem+json", self
        body = self.json
        assert body["status"] == self.status, self
        return str(body["type"]).removeprefix("/problems/")


class Streaming:
    """An open event stream: what has come, and a way to go."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.ended = False
        self.leave = asyncio.Event()

    @property
    def events(self) -> list[tuple[int, str, Any]]:
        """(id, event, data) of each."""
        found = []
        for chunk in self.chunks:
            fields = dict(line.split(": ", 1) for line in chunk.decode().splitlines() if line and line[0] != ":")
            if fields:
                found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
        return found

    @property
    def pings(self) -> int:
        return self.chunks.count(b": ping\n\n")


class World:
    def __init__(self, app: Edge, desk: Desk, link: Link, dispatch: FakeDispatch) -> None:
        self.app, self.desk, self.link, self.dispatch = app, desk, link, dispatch
        self.now = samples.NOW

    def later(self, seconds: float) -> None:
        self.now = Instant(self.now + round(seconds * 1000))

    async def call(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes | Sequence[bytes] = b"",
        secret: str | None = samples.SECRET,
        certified: str | None = None,
    ) -> Answer:
        scope, sent = _scope(method, target, headers, secret, certified), list[Any]()
        chunks = [body] if isinstance(body, bytes) else list(body)

        async def receive() -> Any:
            if not chunks:
                return {"type": "http.disconnect"}
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, *rest = sent
        names = {name.decode(): value.decode() for name, value in start["headers"]}
        assert len(names) == len(start["headers"]), "a header came twice"
        return Answer(start["status"], names, b"".join(message.get("body", b"") for message in rest))

    async def get(self, target: str, **named: Any) -> Answer:
        return await self.call("GET", target, **named)

    async def post_alert(self, body: bytes = samples.ALERT_BODY, key: str = "k1", **named: Any) -> Answer:
        headers = {"content-type": "application/json", "idempotency-key": key} | named.pop("headers", {})
        return await self.call("POST", "/v1/alerts", headers, body, **named)

    @asynccontextmanager
    async def stream(self, target: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[Streaming]:
        """Open an event stream; leaving the block is the caller's going."""
        scope, streaming = _scope("GET", target, headers or {}, samples.SECRET, None), Streaming()
        asked = False

        async def receive() -> Any:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await streaming.leave.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                streaming.status = message["status"]
                streaming.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                streaming.chunks += [message["body"]] if message["body"] else []
                streaming.ended = not message.get("more_body", False)

        task = asyncio.create_task(self.app(scope, receive, send))
        await until(lambda: streaming.status is not None)
        try:
            yield streaming
        finally:
            streaming.leave.set()
            await task


def _scope(
    method: str,
    target: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
    secret: str | None,
    certified: str | None,
) -> dict[str, Any]:
    path, _, query = target.partition("?")
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if secret is not None:
        pairs.append(("authorization", f"Bearer {secret}"))
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
    }
    if certified is not None:
        scope["extensions"] = {"klaroen.certificate": {"name": certified}}
    return scope


def settings(directory: Path, requests_per_s: float = 50.0) -> Settings:
    secret = directory / "secret"
    secret.write_bytes(RECEIPT_SECRET + b"\n")
    return Settings(
        data_dir=str(directory),
        edge=EdgeSettings(listen="127.0.0.1:0", requests_per_s=requests_per_s),
        carrier=(
            SmsHttp(
                name=CarrierName("signed"),
                channels=("sms",),
                url="http://127.0.0.1:1/",
                receipt_secret_file=str(secret),
            ),
            Smtp(
                name=CarrierName("mail"),
                channels=("email",),
                host="relay.test",
                sender="bin@politie.example",
                bounces="terug@politie.example",
                delivered_means="mailbox",
            ),
            Smtp(
                name=CarrierName("signed-mail"),
                channels=("email",),
                host="relay.test",
                sender="bin@politie.example",
                bounces="terug@politie.example",
                receipt_secret_file=str(secret),
            ),
            Whatsapp(
                name=CarrierName("meta"),
                channels=("whatsapp",),
                phone_id=PHONE_ID,
                token_file=str(secret),
                template="bin_bericht",
                receipt_secret_file=str(secret),
                verify_token_file=str(secret),
            ),
            SmsHttp(name=CarrierName("plain"), channels=("sms",), url="http://127.0.0.1:1/"),
            SmsHttp(
                name=CarrierName("kannel"),
                channels=("sms",),
                url="http://127.0.0.1:1/",
                profile="kannel",
                receipt_secret_file=str(secret),
            ),
        ),
    )


@asynccontextmanager
async def edge_world(requests_per_s: float = 50.0, *, connected: bool = True) -> AsyncIterator[World]:
    """The edge, linked; or not, while dispatch is away."""
    with tempfile.TemporaryDirectory(prefix="edge-") as directory:
        configured = settings(Path(directory), requests_per_s)
        dispatch = FakeDispatch(Path(directory) / "dispatch.sock")
        mirror = Mirror(counter=1_000)
        link = Link(dispatch.socket, mirror)
        loop = asyncio.get_running_loop()
        desk = Desk(
            configured, link, mirror, EdgeMetrics(), read_webhooks(configured), PAGES, lambda: world.now, loop.time
        )
        world = World(Edge(desk), desk, link, dispatch)
        if connected:
            await dispatch.start()
        running = asyncio.create_task(link.run())
        try:
            if connected:
                await until(lambda: mirror.readiness.ready and len(dispatch.greets) == 2)
            yield world
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            if dispatch.socket.exists():
                await dispatch.stop()
