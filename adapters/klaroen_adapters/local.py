"""Unix sockets between our own processes.

Law: only this user (and root) may connect, checked by the file's mode and by the kernel's word.
"""

import os
import socket as sockets
import struct

import trio


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


def is_trusted(socket: trio.socket.SocketType) -> bool:
    """Ask the kernel who is at the other end: this user or root."""
    credentials = socket.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return uid in (0, os.getuid())
