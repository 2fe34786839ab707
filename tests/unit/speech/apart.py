"""Engines in a process of their own, as everywhere: what a library of theirs breaks, it breaks there."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from klaroen_adapters.speech.engines import Samples, load
from klaroen_adapters.speech.frames import EngineName

T = TypeVar("T")

Reading = tuple[EngineName, str, str]
"""Engine, voice and text."""


def apart(what: Callable[..., T], *given: object) -> T:
    """Return what a function of a module returns in a new process; raise what it raises."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(what, *given).result()


def read(readings: Sequence[Reading]) -> list[Samples]:
    """Read these one after the other in a new process, each engine loaded once."""
    return apart(_read, readings)


def _read(readings: Sequence[Reading]) -> list[Samples]:
    engines = {key: load(*key) for key in dict.fromkeys(reading[:2] for reading in readings)}
    return [engines[engine, voice](text) for engine, voice, text in readings]
