"""The supervisor's ear: its children say that their loops turn, in the words in which systemd would be told.

Law: who spoke is known from the kernel, not from what is said; listening never waits.
Source: sd_notify(3); unix(7), SO_PASSCRED.
"""

import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Final, Self

ALIVE: Final = "alive.sock"
WORD_BYTES: Final = 64
"""The longest of our words has eleven."""
CREDENTIALS: Final = struct.Struct("3i")
"""pid, uid and gid of the sender."""
HEARD_MAX: Final = 1_000
"""Words heard at one look: more than a kernel keeps."""


class Ear:
    """A socket of datagrams at `path`, for as long as the block."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(str(self.path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def heard(self) -> frozenset[int]:
        """Return the pids of those who have said anything since this was asked last."""
        pids = set()
        for _ in range(HEARD_MAX):
            try:
                _, ancillary, _, _ = self._socket.recvmsg(WORD_BYTES, socket.CMSG_SPACE(CREDENTIALS.size))
            except BlockingIOError:
                break
            pids |= {CREDENTIALS.unpack(told)[0] for _, kind, told in ancillary if kind == socket.SCM_CREDENTIALS}
        return frozenset(pids)
