"""Worlds for the tests: on tmpfs where there is one, in virtual time always."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from klaroen.testing.far_end import FarEnd

pytest.register_assert_rewrite("tests.simulation.audit")

TMPFS = Path("/dev/shm")

from tests.simulation.world import World, network, register  # noqa: E402

MakeWorld = Callable[..., World]


@pytest.fixture(autouse=True)
def threads_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes to a thread is done at once: virtual time waits for no thread, and would expire what it works for."""

    async def run_sync(work: Callable[..., Any], *args: Any, **_: object) -> Any:
        await trio.lowlevel.checkpoint()
        return work(*args)

    monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A data directory without a disk behind it."""
    made = Path(tempfile.mkdtemp(prefix="klaroen-", dir=TMPFS if TMPFS.is_dir() else None))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def world_of(directory: Path, autojump_clock: MockClock) -> MakeWorld:
    """Make a world of these far ends: one network of 30 members unless told otherwise."""

    def make(*ends: FarEnd, members: int = 30, networks: Sequence[Any] = (), **options: Any) -> World:
        country = options.pop("country", None) or register(networks or [network(1)], members)
        return World(directory, autojump_clock, ends or [FarEnd("alpha")], country, **options)

    return make
