"""Something that a task waits for and that anybody may ring.

Law: a ring is never lost: one that comes while nobody waits is heard by the next who does.
"""

import trio


class Bell:
    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        self._event.set()

    async def wait(self, seconds: float | None = None) -> None:
        """Return at the next ring, or after so many seconds."""
        if seconds is None:
            await self._event.wait()
        else:
            with trio.move_on_after(seconds):
                await self._event.wait()
        self._event = trio.Event()
