"""Unix sockets between our own processes.

Law: only this user (and root) may connect, checked by the file's mode and by the kernel's word. A file that somebody
took away is made again: who is connected does not notice, and who comes next finds it.
"""

import os
import socket as sockets
import struct
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NoReturn

import trio

LOOK_S: Final = 1.0
"""How often the file is looked for: a process that starts anew has hardly waited for it."""


async def open_socket(path: trio.Path) -> trio.SocketListener:
    """Listen on the data directory's socket, mode 0600."""
    await path.unlink(missing_ok=True)
    listening = trio.socket.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        await listening.bind(str(path))
    finally:
        os.umask(mask)
    listening.listen(64)
    return trio.SocketListener(listening)


async def serve_socket(
    listener: trio.SocketListener, serve: Callable[[trio.SocketStream], Awaitable[object]]
) -> NoReturn:
    """Serve whoever connects, for ever; listen anew where the file is gone, or is somebody else's."""
    path = listener.socket.getsockname()
    async with trio.open_nursery() as served:
        while True:
            identity = _identity(path)  # before anybody is served: later it may be somebody else's already
            async with trio.open_nursery() as listening:
                listening.start_soon(partial(trio.serve_listeners, serve, [listener], handler_nursery=served))
                await _wait_gone(path, identity)
                listening.cancel_scope.cancel()
            listener = await open_socket(trio.Path(path))
    raise AssertionError("a loop without an end has ended")


async def _wait_gone(path: str, identity: tuple[int, ...] | None) -> None:
    """Return once the file is gone, or is another."""
    while identity is not None and await trio.to_thread.run_sync(_identity, path) == identity:  # noqa: ASYNC110
        await trio.sleep(LOOK_S)


def _identity(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns  # the number of a deleted one is given again at once


def is_trusted(socket: trio.socket.SocketType) -> bool:
    """Ask the kernel who is at the other end: this user or root."""
    credentials = socket.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return uid in (0, os.getuid())
