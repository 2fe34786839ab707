"""A disk that takes no time, until it is full, slow or without power.

Law: a commit is whole or has not been; once it is dark nothing is written and nobody is answered.
"""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

import trio

from klaroen.core.errors import StoreUnavailableError
from klaroen.store.trio_writer import InlineWriter
from klaroen.store.writer import WritableStore, transact
from klaroen.testing.ear import Write

if TYPE_CHECKING:
    from klaroen.testing.world import World

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class PowerCut(BaseException):
    """The machine stops here: nothing more is written, nothing more leaves."""


class NotedStore:
    """A store, or a part of one, that notes what each transaction writes, whoever puts it together."""

    WRITES = frozenset(
        {"accept", "plan", "claim", "append", "receive", "change", "release", "close", "amend", "decree", "replies.put"}
    )
    PARTS = frozenset({"replies"})

    def __init__(self, store: Any, notes: "list[Write] | None" = None, part: str = "") -> None:
        self._store = store
        self._part = part
        self.notes: list[Write] = [] if notes is None else notes
        """Since the transaction began: the method and what it was given."""

    def begin(self) -> None:
        self.notes.clear()
        self._store.begin()

    def __getattr__(self, name: str) -> Any:
        found, path = getattr(self._store, name), self._part + name
        if path in self.PARTS:
            return NotedStore(found, self.notes, f"{path}.")
        if path not in self.WRITES:
            return found

        @wraps(found)
        def noted(*args: object) -> object:
            self.notes.append((path, args))
            return found(*args)

        return noted


class Disk(InlineWriter):
    """Writes at once, unless the power is off or the disk is full; `World.cut_*_commit` count to the power cut.

    A slow one (`World.disk_lag_s`) takes one bulk write after the other, and urgent ones beside them, as the writer's
    thread does.
    """

    def __init__(self, store: NotedStore, world: "World") -> None:
        super().__init__(cast(WritableStore, store))
        self._noted = store
        self._world = world
        self._bulk = trio.Lock()

    async def write(self, method: Callable[[*Ts], T], *args: *Ts, urgent: bool = False) -> T:
        world = self._world
        if world.disk_lag_s:
            if urgent:
                await trio.sleep(world.disk_lag_s)
            else:
                async with self._bulk:
                    await trio.sleep(world.disk_lag_s)
        if world.dark:
            raise PowerCut
        if world.disk_full or world.refuses(method.__name__, args):
            await trio.lowlevel.checkpoint()
            raise StoreUnavailableError("disk full")
        world.commits += 1
        if world.commits == world.cut_before_commit:
            world.dark = True
            raise PowerCut
        result = transact(cast(WritableStore, self._noted), lambda: method(*args))
        world.ear.committed(list(self._noted.notes))
        if world.commits == world.cut_after_commit:
            world.dark = True
            raise PowerCut
        await trio.lowlevel.checkpoint()
        return result
