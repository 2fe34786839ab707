"""The places at which a process can be made to die or to stop, and the trap that does it there.

Law: a process's trap is a small file that both sides have in memory: the harness arms it with a point, a signal and how
often the point is let pass; who comes by next sends the signal to itself. Nothing of this is in the product.
"""

import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

COMMITS: Final = ("accept", "claim", "append", "receive", "close")
"""Write methods of the store by which a commit is known: an alert, a lease, a journal, receipts, a closing account."""
RECOVERY: Final = (
    "recovery: store read",
    "recovery: rebuilt, nothing written",
    "recovery: first commit, before",
    "recovery: first commit, after",
)
"""Reached only by a dispatch that starts."""
POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "dispatch": (
        *(f"{method}: {when} commit" for method in COMMITS for when in ("before", "after")),
        "hand-over: before",
        "hand-over: after",
        "answered, not journaled",
        "receipt acknowledged, not drained",
        "receipt drained, not journaled",
        *RECOVERY,
    ),
    "edge": (
        "alert: before dispatch is asked",
        "alert: committed, not answered",
        "receipts: before dispatch is asked",
        "receipts: committed, not answered",
    ),
    "voice": ("call: before it is placed", "call: placed, not told", "call: told"),
}
"""Where each process can be caught; at any other moment it is hit from outside."""

ARMED, LEFT, SIGNAL, FIRED = range(4)
CELL_BYTES: Final = 4
FILE_BYTES: Final = 4 * CELL_BYTES


class Trap:
    """One process's trap; both sides open the same file."""

    def __init__(self, directory: Path, role: str) -> None:
        self._points = {name: number for number, name in enumerate(POINTS[role], 1)}
        descriptor = os.open(directory / f"{role}.trap", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(descriptor, FILE_BYTES)
        self._memory = mmap.mmap(descriptor, FILE_BYTES)
        os.close(descriptor)
        self._cells = memoryview(self._memory).cast("i")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cells.release()
        self._memory.close()

    # --- the harness's side -----------------------------------------------------------------------------------------

    def arm(self, point: str, signal: int, skip: int) -> None:
        """The signal is for who passes this point next, after so many who may pass."""
        cells = self._cells
        cells[FIRED], cells[LEFT], cells[SIGNAL] = 0, skip, signal
        cells[ARMED] = self._points[point]

    def disarm(self) -> None:
        self._cells[ARMED] = 0

    @property
    def fired(self) -> int:
        """The pid of who was caught, 0 while nobody was."""
        return self._cells[FIRED]

    # --- the process's side -----------------------------------------------------------------------------------------

    def pass_by(self, point: str) -> None:
        """Come to this point; return if the trap is for another, or for who comes later."""
        cells = self._cells
        if cells[ARMED] != self._points[point]:
            return
        if cells[LEFT] > 0:
            cells[LEFT] -= 1
            return
        cells[ARMED], cells[FIRED] = 0, os.getpid()
        os.kill(os.getpid(), cells[SIGNAL])
