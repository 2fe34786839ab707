"""An Asterisk of one Stasis application: ARI over a WebSocket and over HTTP, and the telephones behind it.

Law: what befalls a number is written in `fates`; every playback takes as long as its clip. It shares no code with our
adapters; that it says what Asterisk says is checked by running the same calls at a real one (tests/wire/test_ari.py).
"""

import base64
import json
import logging
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl

import trio
from msgspec import Struct
from tests.fakes.carrier_peers import StreamPeer
from tests.fakes.http_peer import Stream
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from klaroen.testing import Copy, Manner

USER, PASSWORD = "klaroen", "S3cretOfOurs"
RING_S = 0.2
ORDER_S = 0.01


class Fate(Struct, frozen=True):
    """What befalls a number that is called."""

    status: int = 200
    """The SIP status that ends it; 200 answers, 180 only rings."""
    rings: bool = True
    keys: tuple[tuple[float, str], ...] = ()
    """(seconds after the answer, key), in order."""
    hangs_up_s: float | None = None
    """Seconds after the answer."""


QUIET = logging.getLogger("tests.fakes.asterisk")
QUIET.disabled = True
"""It would write what it hears to the log, and the conformance kit reads that for what we may have let slip."""

CAUSES = {486: 17, 404: 1, 503: 34, 603: 21, 480: 19}


class Channel:
    def __init__(self, name: str, number: str) -> None:
        self.name, self.number = name, number
        self.state = "Down"
        self.scope = trio.CancelScope()
        self.playback: tuple[str, trio.CancelScope] | None = None

    def view(self) -> dict[str, Any]:
        return {"id": self.name, "state": self.state, "name": "PJSIP/x", "caller": {"name": "", "number": self.number}}


class AsteriskPeer(StreamPeer):
    """The server."""

    manners: Collection[Manner] = ("accept", "refuse", "silence", "cut", "away", "ring")

    def __init__(self, nursery: trio.Nursery, *, by_socket: bool = True) -> None:
        super().__init__(nursery)
        self.fates: dict[str, Fate] = {}
        self.channels: dict[str, Channel] = {}
        self.lengths_s: dict[str, float] = {}
        """By the last part of a media's name; others last a second."""
        self.missing: set[str] = set()
        """Clips that it cannot open, by the same."""
        self.requests: list[str] = []
        self.played: list[tuple[str, str]] = []
        """(number, clip) of each playback that was begun."""
        self.recordings: dict[str, bytes] = {}
        """What is stored, by name."""
        self.spoken = b"\x2a" * 8_000
        """What whoever is recorded says."""
        self._recording: dict[str, str] = {}
        """Channel -> name, of what is being recorded."""
        self._by_socket = by_socket
        self._filter: set[str] | None = None
        self._app = ""
        self._writing = trio.Lock()
        self._ears: list[tuple[ServerProtocol, Stream]] = []

    # --- connections --------------------------------------------------------------------------------------------------

    async def serve(self, stream: Stream) -> None:
        protocol = ServerProtocol(max_size=None, logger=QUIET)
        held = await stream.receive_some()
        if b"pgrade: websocket" not in held and b"pgrade: WebSocket" not in held:
            await self._serve_http(stream, held)
            return
        protocol.receive_data(held)
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        answer = protocol.accept(request)
        if request.headers.get("authorization") != credentials():
            answer = protocol.reject(401, "who?")
        protocol.send_response(answer)
        await self._write(protocol, stream)
        self._app = dict(parse_qsl(request.path.partition("?")[2])).get("app", "")
        ear = (protocol, stream)
        self._ears.append(ear)
        try:
            while chunk := await stream.receive_some():
                protocol.receive_data(chunk)
                for frame in protocol.events_received():
                    if getattr(frame, "opcode", None) is Opcode.TEXT and not await self._hear(frame.data):  # type: ignore[union-attr]
                        return
                await self._write(protocol, stream)
        finally:
            self._ears.remove(ear)

    async def _write(self, protocol: ServerProtocol, stream: Stream) -> None:
        async with self._writing:
            octets = b"".join(protocol.data_to_send())
            if octets:
                await stream.send_all(octets)

    async def _hear(self, octets: bytes) -> bool:
        """One request over the WebSocket; False to cut the connection."""
        said = json.loads(octets)
        query = {one["name"]: one["value"] for one in said.get("query_strings", ())}
        if self._by_socket:
            status, body = await self._do(said["method"], said["uri"], query, said.get("message_body"))
            if status == 0:
                return self.manner != "cut"
            answer = {"type": "RESTResponse", "request_id": said["request_id"], "status_code": status}
            await self._tell(answer if body is None else answer | {"message_body": json.dumps(body)})
        return True

    async def _serve_http(self, stream: Stream, held: bytes) -> None:
        while held:
            while b"\r\n\r\n" not in held:
                held += await stream.receive_some()
            head, _, held = held.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            size = int(headers.get("content-length", "0"))
            while len(held) < size:
                held += await stream.receive_some()
            body, held = held[:size].decode(), held[size:]
            method, target, _ = first.split(" ")
            path, _, query = target.removeprefix("/ari/").partition("?")
            assert headers["authorization"] == credentials()
            status, said = await self._do(method, path, dict(parse_qsl(query)), body)
            if status == 0:
                await trio.sleep_forever()
            octets = said if isinstance(said, bytes) else b"" if said is None else json.dumps(said).encode()
            await stream.send_all(f"HTTP/1.1 {status} X\r\nContent-Length: {len(octets)}\r\n\r\n".encode() + octets)
            held = held or await stream.receive_some()

    async def _tell(self, message: Mapping[str, object]) -> None:
        if self._filter is not None and message["type"] not in self._filter:
            return
        for protocol, stream in list(self._ears):
            protocol.send_text(json.dumps({"application": self._app, **message}).encode())
            try:
                await self._write(protocol, stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                continue

    # --- callers ------------------------------------------------------------------------------------------------------

    async def come(self, name: str, *args: str, number: str = "+32470999999") -> None:
        """Somebody calls, and the dial plan gives them to the application."""
        channel = self.channels[name] = Channel(name, number)
        channel.state = "Up"
        await self._tell({"type": "StasisStart", "channel": channel.view(), "args": args})

    async def press(self, name: str, keys: str) -> None:
        for key in keys:
            channel = self.channels[name]
            await self._tell({"type": "ChannelDtmfReceived", "channel": channel.view(), "digit": key})
            if key == "#" and name in self._recording:
                recording = self._recording.pop(name)
                self.recordings[recording] = self.spoken
                said = {"name": recording, "format": "alaw", "state": "done", "duration": len(self.spoken) // 8_000}
                await self._tell({"type": "RecordingFinished", "recording": said})
            await trio.sleep(0.1)

    # --- REST ---------------------------------------------------------------------------------------------------------

    async def _do(self, method: str, path: str, query: dict[str, str], body: str | None) -> tuple[int, Any]:
        """Return (status, body); status 0 is none."""
        self.requests.append(f"{method} {path}")
        first, *rest = path.split("/")
        if first == "applications":
            assert body is not None
            self._filter = {one["type"] for one in json.loads(body)["allowed"]}
            return 200, {"name": self._app}
        if first == "playbacks":
            return await self._playback(method, rest[0])
        if first == "recordings":
            return self._stored(method, rest[1])
        if not rest:
            if method == "GET":
                return 200, [channel.view() for channel in self.channels.values()]
            return await self._originate(query)
        channel = self.channels.get(rest[0])
        if channel is None:
            return 404, {"message": "Channel not found"}
        if method == "DELETE":
            self._nursery.start_soon(self._end, channel, 16, None)
        elif rest[1] == "play":
            self._nursery.start_soon(self._play, channel, rest[2], query["media"])
            return 201, {"id": rest[2]}
        elif rest[1] == "record":
            self._recording[channel.name] = query["name"]
            return 201, {"name": query["name"], "state": "queued"}
        else:
            raise AssertionError(path)
        return 204, None

    def _stored(self, method: str, name: str) -> tuple[int, Any]:
        if name not in self.recordings:
            return 404, {"message": "Recording not found"}
        if method == "GET":
            return 200, self.recordings[name]
        del self.recordings[name]
        return 204, None

    async def _originate(self, query: dict[str, str]) -> tuple[int, Any]:
        name = query["channelId"]
        number = query["endpoint"].removeprefix("PJSIP/").partition("@")[0]
        if self.manner == "refuse":
            return 400, {"message": "Endpoint not found"}
        self.copies.append(Copy(number, ""))
        if self.manner in ("silence", "cut"):
            return 0, None
        if name in self.channels:
            return 409, {"message": "Channel with given unique ID already exists"}
        channel = self.channels[name] = Channel(name, number)
        self._nursery.start_soon(self._call, channel)
        return 200, channel.view()

    # --- telephones ---------------------------------------------------------------------------------------------------

    async def _call(self, channel: Channel) -> None:
        fate = self.fates.get(channel.number, Fate(180) if self.manner == "ring" else Fate())
        with channel.scope:
            await trio.sleep(ORDER_S)
            if fate.rings:
                await self._state(channel, "Ringing")
                await trio.sleep(RING_S)
            if fate.status == 180:
                await trio.sleep_forever()
            if fate.status != 200:
                self._nursery.start_soon(self._end, channel, CAUSES[fate.status], fate.status)
                return
            await self._state(channel, "Up")
            await self._tell({"type": "StasisStart", "channel": channel.view(), "args": ["call"]})
            passed_s = 0.0
            for at_s, key in fate.keys:
                await trio.sleep(at_s - passed_s)
                passed_s = at_s
                await self._tell({"type": "ChannelDtmfReceived", "channel": channel.view(), "digit": key})
            if fate.hangs_up_s is not None:
                await trio.sleep(fate.hangs_up_s - passed_s)
                self._nursery.start_soon(self._end, channel, 16, None)

    async def _state(self, channel: Channel, state: str) -> None:
        channel.state = state
        await self._tell({"type": "ChannelVarset", "channel": channel.view(), "variable": "X", "value": "y"})
        await self._tell({"type": "ChannelStateChange", "channel": channel.view()})

    async def _end(self, channel: Channel, cause: int, status: int | None) -> None:
        if self.channels.pop(channel.name, None) is None:
            return
        channel.scope.cancel()
        if channel.playback is not None:
            channel.playback[1].cancel()
            await self._playback_is(channel, channel.playback[0], "PlaybackFinished", "failed")
        said = {"type": "ChannelDestroyed", "channel": channel.view(), "cause": cause, "cause_txt": "words"}
        await self._tell(said if status is None else said | {"tech_cause": status})

    async def _play(self, channel: Channel, name: str, media: str) -> None:
        clip = media.rpartition("/")[2]
        self.played.append((channel.number, clip))
        with trio.CancelScope() as scope:
            channel.playback = (name, scope)
            await self._playback_is(channel, name, "PlaybackStarted", "playing")
            if clip not in self.missing:
                await trio.sleep(self.lengths_s.get(clip, 1.0))
        if channel.playback == (name, scope) and not scope.cancelled_caught:
            channel.playback = None
            state = "failed" if clip in self.missing else "done"
            await self._playback_is(channel, name, "PlaybackFinished", state)

    async def _playback(self, method: str, name: str) -> tuple[int, Any]:
        found = [one for one in self.channels.values() if one.playback is not None and one.playback[0] == name]
        if not found:
            return 404, {"message": "Playback not found"}
        (channel,) = found
        assert channel.playback is not None
        if method == "DELETE":
            channel.playback[1].cancel()
            channel.playback = None
            await self._playback_is(channel, name, "PlaybackFinished", "failed")
            return 204, None
        return 200, {"id": name, "state": "playing"}

    async def _playback_is(self, channel: Channel, name: str, what: str, state: str) -> None:
        playback = {"id": name, "media_uri": "sound:x", "target_uri": f"channel:{channel.name}", "state": state}
        await self._tell({"type": what, "playback": playback})


def credentials() -> str:
    return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
