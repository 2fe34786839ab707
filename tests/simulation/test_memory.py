"""An alert that is over is kept on the disk, and not in memory."""

import gc
from collections.abc import Iterator
from weakref import ref

import pytest
from tests.simulation.world import SMS_S

from klaroen.core.model import AlertId
from klaroen.testing.deeds import PROVED, UNPROVED
from klaroen.testing.far_end import FarEnd


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Dispatch collects rarely: what only a collection frees fills its memory until then."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("deed", [PROVED, UNPROVED], ids=["by one step", "by all its steps"])
async def test_nothing_holds_an_alert_that_is_over(autojump_clock, world_of, uncollected, deed) -> None:
    """Its timers stand until it would expire, and know it by name alone; the tasks hold the one they had last."""
    async with world_of(FarEnd("alpha", deed)).running() as world:
        held = []
        for _ in range(3):
            sent = await world.send(expires_in_s=86_400)
            held.append(ref(world.desk.alerts[AlertId(sent.id)]))
            await world.over(sent.id)
        await world.until(lambda: held[0]() is held[1]() is None, SMS_S)
