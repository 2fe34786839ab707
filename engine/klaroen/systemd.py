"""What systemd, or `klaroen serve`, is told of this process: that it serves, that its loop still turns, that it stops.

Law: telling never waits and never fails: a service manager that does not listen is no reason to warn nobody. Whoever
feeds the watchdog does it from the loop that does the work, so that a loop that hangs is noticed.
Source: sd_notify(3): datagrams of `NAME=value` lines to the address in NOTIFY_SOCKET.
"""

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

ADDRESS: Final = "NOTIFY_SOCKET"


class Unit:
    """This process as a unit; of one that was started by itself, nobody hears anything."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        address = (environ or {}).get(ADDRESS, "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        """As the kernel wants it: an abstract address begins with a zero."""
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None
        """Opened once: a process that may open no more files is alive all the same."""

    @property
    def listening(self) -> bool:
        """Whether somebody may hear it."""
        return bool(self._address)

    def ready(self) -> None:
        """Work is taken from now on."""
        self._tell("READY=1")

    def alive(self) -> None:
        """The loop turns; feeds the watchdog."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """What is under way is being finished."""
        self._tell("STOPPING=1")

    def close(self) -> None:
        """Nobody hears anything more."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _tell(self, words: str) -> None:
        if self._line is not None:
            with suppress(OSError):  # nobody there, or a full queue: the next beat tells again
                self._line.sendto(words.encode(), socket.MSG_DONTWAIT, self._address)


SILENT: Final = Unit()
