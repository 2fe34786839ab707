"""Requests to Asterisk over HTTP, where its WebSocket takes none, and for what is no text.

Law: requests about one channel are made one after the other; what waits is dropped with the connection whose events it
belongs to.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from klaroen.core.ports import Outcome
from klaroen_adapters.http import Reply, exchange, make_client
from klaroen_adapters.tcp import Connect
from klaroen_adapters.voice import ari_wire
from klaroen_adapters.voice.ari_wire import Request, Response

REQUEST_S: Final = 5.0
CONNECTIONS_MAX: Final = 16


class Asks:
    """One Asterisk's; `hear` takes what it answers."""

    def __init__(
        self, url: str, authorization: str, connect: Connect, hear: Callable[[Response], Awaitable[None]]
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": authorization}
        self._hear = hear
        self._connect = connect
        self._http = make_client(connect=connect, connections_max=CONNECTIONS_MAX)
        self._queues: dict[str, list[Request]] = {}
        """What waits for the answer to an earlier request about the same channel."""

    async def aclose(self) -> None:
        """Close what is open; another run may begin."""
        self.drop()
        client = self._http
        self._http = make_client(connect=self._connect, connections_max=CONNECTIONS_MAX)
        await client.aclose()

    def drop(self) -> None:
        """The connection went: nobody waits for these any more."""
        self._queues.clear()

    async def exchange(self, request: Request) -> Reply | Outcome:
        """Make one request now."""
        target, body = ari_wire.encode_http(request)
        headers = {**self._headers, "content-type": "application/json"} if body else self._headers
        url = f"{self._url}/{target}"
        return await exchange(self._http, request.method, url, headers=headers, body=body, seconds=REQUEST_S)

    def begin(self, nursery: trio.Nursery, request: Request) -> None:
        """Make the request when its turn has come."""
        key = request.channel or request.name
        if key in self._queues:
            self._queues[key].append(request)
        else:
            self._queues[key] = []
            nursery.start_soon(self._work, key, request)

    async def _work(self, key: str, request: Request) -> None:
        """Make this request, and then those that have come to wait for it."""
        waiting = self._queues[key]
        while True:
            reply = await self.exchange(request)
            if waiting is not self._queues.get(key):
                return  # dropped
            if isinstance(reply, Reply):
                await self._hear(Response(request.name, reply.status, reply.body.decode("utf-8", "replace")))
            if not waiting:
                self._queues.pop(key, None)
                return
            request = waiting.pop(0)
