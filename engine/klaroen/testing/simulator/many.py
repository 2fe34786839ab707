"""Many worlds, in as many processes as there are cores.

Law: which process plays a seed changes nothing of it.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Final

import structlog

from klaroen.testing.simulator.drawing import draw
from klaroen.testing.simulator.play import Played, play

HANDFUL: Final = 5
"""Seeds that a process is given at once: two or three seconds of work, so that progress is seen."""
FEW: Final = 10
"""Worlds that are played in this process: starting others takes longer."""


def play_many(seeds: Sequence[int], processes: int | None = None) -> Iterator[Played]:
    """Yield how each world ended, in any order."""
    if len(seeds) <= FEW:
        yield from play_some(seeds)
        return
    handfuls = [seeds[start : start + HANDFUL] for start in range(0, len(seeds), HANDFUL)]
    with ProcessPoolExecutor(processes or os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(play_some, handful) for handful in handfuls]):
            yield from done.result()


def play_some(seeds: Sequence[int]) -> list[Played]:
    with quiet():
        return [play(draw(seed)) for seed in seeds]


@contextmanager
def quiet() -> Iterator[None]:
    """What worlds log is nobody's business: what matters of it is told by their chronicle."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
