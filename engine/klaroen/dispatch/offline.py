"""What a command does when no dispatch runs: it takes the data directory's lock and runs the same code."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import trio

from klaroen.core.calls import Question, Told
from klaroen.core.errors import InputError, StoreUnavailableError
from klaroen.core.model import Instant
from klaroen.dispatch import rolls
from klaroen.dispatch.accept import unavailable
from klaroen.register.model import RegisterFaults
from klaroen.register.opening import keys_path, open_book
from klaroen.settings import Settings
from klaroen.store import open_store
from klaroen.store.writer import transact


def answer_offline(settings: Settings, question: Question) -> Told:
    """Answer a question of the command line on data that nobody else has open.

    Raises StoreBusyError where somebody has; KeyFault.
    """
    store = open_store(settings.store, Path(settings.data_dir))

    async def write(method: Callable[..., Any], *args: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return transact(store, partial(method, *args))

    async def serve() -> object:
        path = keys_path(Path(settings.data_dir), settings.register.keys_file)
        book = open_book(store.register, path, partial(transact, store))
        return await rolls.serve(store, book, write, Instant(int(time.time() * 1000)), question, None)

    try:
        return Told(0, msgspec.Raw(msgspec.msgpack.encode(trio.run(serve))))
    except InputError as error:
        return Told(0, problem=error.problem)
    except RegisterFaults as error:
        return told_faults(0, error)
    except StoreUnavailableError:
        return Told(0, problem=unavailable().problem)
    finally:
        store.close_connections()


def told_faults(number: int, error: RegisterFaults) -> Told:
    """Return a register's faults as an answer."""
    problem = InputError("invalid", f"Nothing was imported: {error.total} faults.").problem
    return Told(number, problem=problem, faults=tuple(str(fault) for fault in error.faults))
