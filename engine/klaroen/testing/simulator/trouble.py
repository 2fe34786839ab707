"""What goes wrong in a world, each at its time.

Law: trouble is outside of the process: it goes on while that is dead, and meets the next one.
"""

import random
from collections.abc import Sequence
from typing import assert_never

import trio

from klaroen.core.ports import Envelope
from klaroen.dispatch.run import drain
from klaroen.testing.far_end import FarEnd
from klaroen.testing.simulator.scenario import (
    Ailing,
    ClockStep,
    Death,
    Fault,
    Scenario,
    Spell,
    Standstill,
    Stop,
    Storm,
)
from klaroen.testing.world import World


class Trouble:
    """The faults of one scenario, and for how long the process stays away after each death."""

    def __init__(self, scenario: Scenario, world: World, begins_s: float) -> None:
        self._world = world
        self._faults = [fault for fault in scenario.faults if fault is not None]
        self._begins_s = begins_s
        self._ends = list(world.ends.values())
        self._chance = random.Random(f"{scenario.seed} trouble")
        self._hand_overs: int | None = None
        self._steps: int | None = None
        self.away_s = 0.1
        self.stopping = trio.Event()
        """Somebody asks the process to stop."""
        for end in self._ends:
            end.before_hand_over.append(self._offered)

    @property
    def counts_steps(self) -> bool:
        return any(isinstance(fault, Death) and fault.when == "await" for fault in self._faults)

    async def brew(self) -> None:
        """Let everything happen at its time."""
        async with trio.open_nursery() as nursery:
            for fault in self._faults:
                nursery.start_soon(self._befall, fault)

    async def _befall(self, fault: Fault) -> None:
        await trio.sleep_until(self._begins_s + fault.at_s)
        match fault:
            case Death():
                self._arm(fault)
            case Stop():
                self.away_s = fault.away_s
                self.stopping.set()
            case Storm():
                await _storm(self._ends[fault.carrier], fault)
            case Ailing():
                await self._ail(fault)
            case ClockStep():
                self._world.skew_ms += round(fault.by_s * 1000)
            case Standstill():
                self._world.mock.jump(fault.for_s)
            case Spell():
                pass  # its carrier's script knows
            case _:
                assert_never(fault)

    def _arm(self, fault: Death) -> None:
        world, self.away_s = self._world, fault.away_s
        match fault.when:
            case "before commit":
                world.cut_before_commit = world.commits + fault.count
            case "after commit":
                world.cut_after_commit = world.commits + fault.count
            case "hand-over":
                self._hand_overs = fault.count
            case "await":
                self._steps = fault.count

    async def _ail(self, fault: Ailing) -> None:
        world = self._world
        if fault.kind == "full":
            world.disk_full = True
            await trio.sleep(fault.for_s)
            world.disk_full = False
        else:
            world.disk_lag_s = fault.lag_s
            await trio.sleep(fault.for_s)
            world.disk_lag_s = 0.0

    # --- deaths -----------------------------------------------------------------------------------------------------

    def _offered(self, _end: FarEnd, envelopes: Sequence[Envelope]) -> int | None:
        if self._hand_overs is None:
            return None
        self._hand_overs -= 1
        if self._hand_overs:
            return None
        self._hand_overs = None
        self._world.dark = True
        return self._chance.randint(0, len(envelopes))

    def before_task_step(self, _task: trio.lowlevel.Task) -> None:
        """Trio tells of each step of each task."""
        if self._steps is None or not self._world.alive:
            return
        self._steps -= 1
        if not self._steps:
            self._steps = None
            self._world.kill()

    async def stop(self) -> None:
        """Wait until somebody asks the process to stop, and drain it."""
        await self.stopping.wait()
        self.stopping = trio.Event()
        await drain(self._world.desk)


async def _storm(end: FarEnd, fault: Storm) -> None:
    for _ in range(fault.cuts):
        end.cut()
        await trio.sleep(fault.down_s)
        end.restore()
        await trio.sleep(fault.up_s)
