"""A stream to a named peer, plain or TLS: the whole network seam of the adapters that speak on raw streams.

Law: one call opens, within a time, or raises ConnectError; every foreign exception of opening is mapped here. Tests
give another `Connect`. Nagle's algorithm is off: trio's sockets come with TCP_NODELAY.
"""

import os
import socket
import ssl
from contextlib import suppress
from typing import Final, Protocol

import trio

CONNECT_S: Final = 10.0
"""Name, TCP handshake and TLS handshake together; a live peer answers in a tenth of it even from far."""

FAREWELL_S: Final = 0.5
"""For the last octets of a conversation: the peer's farewell answered, or our own said."""
READ_ERRORS: Final = (trio.BrokenResourceError, trio.ClosedResourceError)
"""What reading and writing an open stream may raise."""


class ConnectError(Exception):
    """The stream could not be opened: nothing was sent."""


class Connect(Protocol):
    """Opens a stream. Raises ConnectError, and nothing else."""

    async def __call__(self, host: str, port: int) -> trio.abc.Stream: ...


def tls_context(ca: str | None, certificate: str | None, key_file: str | None) -> ssl.SSLContext:
    """Return a client's context: TLS 1.2 or later, the peer's name checked, our own certificate where one is given.

    Raises: OSError (ssl.SSLError among it) for files that cannot be read: a fault of the configuration.
    """
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key_file)
    return context


def connector(context: ssl.SSLContext | None = None, connect_s: float = CONNECT_S) -> Connect:
    """Return a Connect over TCP, with TLS (SNI and host name) if there is a context."""

    async def connect(host: str, port: int) -> trio.abc.Stream:
        try:
            with trio.fail_after(connect_s):
                stream = await trio.open_tcp_stream(host, port)
                return stream if context is None else await _handshake(stream, context, host)
        except trio.TooSlowError:
            raise ConnectError("no connection in time") from None
        except trio.BrokenResourceError as error:
            raise tls_failed(error) from None
        except OSError as error:
            raise ConnectError(_reason(error)) from None

    return connect


class Secure(Protocol):
    """Goes on over TLS on a stream that is open (STARTTLS). Raises ConnectError, and nothing else."""

    async def __call__(self, stream: trio.abc.Stream, host: str) -> trio.abc.Stream: ...


def securer(context: ssl.SSLContext, connect_s: float = CONNECT_S) -> Secure:
    """Return a Secure under this context."""

    async def secure(stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
        try:
            with trio.fail_after(connect_s):
                return await _handshake(stream, context, host)
        except trio.TooSlowError:
            raise ConnectError("no TLS in time") from None
        except trio.BrokenResourceError as error:
            raise tls_failed(error) from None

    return secure


def tls_failed(error: trio.BrokenResourceError) -> ConnectError:
    return ConnectError(f"TLS failed: {_reason(error.__cause__)}")


async def _handshake(stream: trio.abc.Stream, context: ssl.SSLContext, host: str) -> "trio.SSLStream[trio.abc.Stream]":
    secured = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    try:
        await secured.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return secured


def _reason(error: BaseException | None) -> str:
    """Return words that name no address: the system's own, or the verifier's."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS"
    if isinstance(error, OSError) and isinstance(error.__cause__, BaseExceptionGroup):
        error = error.__cause__.exceptions[0]  # trio tried several addresses; one reason will do
    if isinstance(error, socket.gaierror) and error.strerror:
        return error.strerror
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return "cannot connect"


async def part(stream: trio.abc.Stream, octets: bytes) -> None:
    """Write the last octets, if the peer still takes them; then close."""
    with trio.CancelScope(shield=True):
        with trio.move_on_after(FAREWELL_S), suppress(*READ_ERRORS, trio.BusyResourceError):
            await stream.send_all(octets)
        await trio.aclose_forcefully(stream)
