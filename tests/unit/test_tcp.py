"""Opening a stream: plain or TLS, with the peer's name checked, in time, and with one error for every failure."""

import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from klaroen_adapters import tcp
from klaroen_adapters.tcp import ConnectError, connector, tls_context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for "localhost", its own authority, and its key."""
    directory = tmp_path_factory.mktemp("tls")
    key, cert = directory / "key.pem", directory / "cert.pem"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*make, *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


@asynccontextmanager
async def echo(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[str | None]]]:
    """Serve an echo on a free port; the list gets what names clients asked for."""
    asked: list[str | None] = []
    if context is not None:
        context.sni_callback = lambda _socket, name, _context: asked.append(name)

    async def serve(stream: trio.SocketStream) -> None:
        peer: trio.abc.Stream = stream if context is None else trio.SSLStream(stream, context, server_side=True)
        try:
            while chunk := await peer.receive_some():
                await peer.send_all(chunk)
        except trio.BrokenResourceError:
            pass  # a client that does not trust us goes away

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield listener.socket.getsockname()[1], asked
        nursery.cancel_scope.cancel()


async def speak(stream: trio.abc.Stream) -> bytes:
    async with stream:
        await stream.send_all(b"hoi")
        return bytes(await stream.receive_some())


async def test_a_plain_stream_without_nagle() -> None:
    """Small PDUs leave at once."""
    async with echo() as (port, _):
        stream = await connector()("127.0.0.1", port)
        assert isinstance(stream, trio.SocketStream)
        assert 0 != stream.getsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY)
        assert b"hoi" == await speak(stream)


async def test_tls_with_its_name_and_our_certificate(certificate: tuple[Path, Path]) -> None:
    """SNI is sent, the name is checked, and the peer sees who we are."""
    cert, key = certificate
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(cert))
    server.load_cert_chain(cert, key)
    server.verify_mode = ssl.CERT_REQUIRED
    async with echo(server) as (port, asked):
        ours = tls_context(str(cert), str(cert), str(key))
        assert b"hoi" == await speak(await connector(ours)("localhost", port))
        assert ["localhost"] == asked


@pytest.mark.parametrize(
    ("host", "trusted", "words"),
    [
        ("127.0.0.1", True, "IP address mismatch, certificate is not valid for '127.0.0.1'."),
        ("localhost", False, "self-signed certificate"),
    ],
)
async def test_a_peer_that_is_not_who_we_mean(
    certificate: tuple[Path, Path], host: str, trusted: bool, words: str
) -> None:
    """Refused, with the verifier's words."""
    cert, key = certificate
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(cert, key)
    async with echo(server) as (port, _):
        with pytest.raises(ConnectError) as error:
            await connector(tls_context(str(cert) if trusted else None, None, None))(host, port)
        assert f"TLS failed: {words}" == str(error.value)


async def test_a_peer_that_speaks_no_tls() -> None:
    """Named as what it is."""
    async with echo() as (port, _):
        with pytest.raises(ConnectError, match=r"^TLS failed: [A-Z_]+$"):
            await connector(tls_context(None, None, None))("127.0.0.1", port)


async def test_nobody_listens() -> None:
    """The system's own words, without an address."""
    sock = trio.socket.socket()
    await sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    sock.close()
    with pytest.raises(ConnectError, match=r"^Connection refused$"):
        await connector()("127.0.0.1", port)


async def test_a_name_that_nobody_has() -> None:
    """A failing resolver is a failing connection."""
    with pytest.raises(ConnectError):
        await connector()("no-such-host.invalid", 1)


async def test_a_peer_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock) -> None:
    """Given up in its time."""

    async def never(host: str, port: int) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(trio, "open_tcp_stream", never)
    with pytest.raises(ConnectError, match="no connection in time"):
        await connector()("127.0.0.1", 1)
    assert tcp.CONNECT_S == trio.current_time()


async def test_several_addresses_give_one_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """trio tries them all, and groups what each one said."""

    async def refuse(host: str, port: int) -> None:
        causes = [ConnectionRefusedError(111, "to 192.0.2.1"), ConnectionRefusedError(111, "to 192.0.2.2")]
        raise OSError("all attempts to connect failed") from ExceptionGroup("several", causes)

    monkeypatch.setattr(trio, "open_tcp_stream", refuse)
    with pytest.raises(ConnectError, match=r"^Connection refused$"):
        await connector()("smsc.test", 1)


async def test_an_odd_failure_has_words_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the system raises."""

    async def odd(host: str, port: int) -> None:
        raise OSError

    monkeypatch.setattr(trio, "open_tcp_stream", odd)
    with pytest.raises(ConnectError, match="cannot connect"):
        await connector()("127.0.0.1", 1)


def test_a_certificate_that_cannot_be_read(tmp_path: Path) -> None:
    """A fault of the configuration, found when the carrier is built."""
    with pytest.raises(FileNotFoundError):
        tls_context(None, str(tmp_path / "none.pem"), None)
