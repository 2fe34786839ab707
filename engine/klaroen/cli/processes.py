"""The processes themselves, and the look at their configuration before they start."""

import errno
import os
import time
from pathlib import Path
from typing import Final

from cyclopts import App

from klaroen.cli.context import CommandFault, Context, Here

TAKEN: Final = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)
"""What an operator mends: a port of somebody else's, an address of another machine's, a port below 1024."""

config = App(name="config", help="Look at the configuration.")


def serve(*, context: Here) -> int:
    """Run edge, dispatch and voice, and start again the one that dies or hangs. SIGTERM ends all in order."""
    _join(context)
    from klaroen.children import AlreadyRunningError, command, listening_to_signals, only_one, spawn, voice_role
    from klaroen.pulse import ALIVE, Ear
    from klaroen.rundir import run_dir
    from klaroen.settings import Sip
    from klaroen.supervisor import Supervisor
    from klaroen.systemd import ADDRESS, Unit
    from klaroen.telemetry import configure_logging

    settings = context.settings()
    configure_logging("serve")
    data_dir = Path(settings.data_dir)
    calls = any(isinstance(carrier, Sip) for carrier in settings.carrier)
    voices = [voice_role(worker) for worker in range(settings.voice.workers if calls else 0)]
    try:
        with only_one(data_dir), listening_to_signals() as signals, Ear(run_dir(data_dir) / ALIVE) as ear:
            environ = {**context.environ, ADDRESS: str(ear.path)}  # children speak to us; systemd hears us alone
            return Supervisor(
                roles=("edge", "dispatch", *voices),
                data_dir=data_dir,
                spawn=lambda role: spawn(command(role, context.config), environ),
                signals=signals,
                clock=time.monotonic,
                drain_s=settings.dispatch.drain_s,
                unit=Unit(context.environ),
                heard=ear.heard,
            ).run()
    except AlreadyRunningError as error:
        raise CommandFault(f"{error}.") from None
    except PermissionError as error:
        raise CommandFault(f"{data_dir} cannot be used: {error}") from None


def edge(*, context: Here) -> int:
    """Run the edge alone: HTTP in, alerts and receipts out to dispatch."""
    _join(context)
    settings = context.settings()
    from klaroen.edge.serve import run_edge
    from klaroen.systemd import Unit

    try:
        return run_edge(settings, Unit(context.environ))
    except OSError as error:
        if error.errno not in TAKEN:
            raise
        raise CommandFault(f"{settings.edge.listen} cannot be listened at: {os.strerror(error.errno)}.") from None


def dispatch(*, context: Here) -> int:
    """Run dispatch alone: it owns the data directory, and hands over to the carriers."""
    _join(context)
    settings = context.settings()
    from klaroen.dispatch.run import run_dispatch
    from klaroen.register.keys import KeyFault
    from klaroen.seal import SealFault
    from klaroen.store.errors import SchemaNewerError, StoreBusyError, StoreCorruptError
    from klaroen.systemd import Unit

    try:
        return run_dispatch(settings, Unit(context.environ))
    except (StoreBusyError, SchemaNewerError, KeyFault, SealFault) as error:
        raise CommandFault(f"{error}.") from None
    except StoreCorruptError as error:
        raise CommandFault(f"{error}. Nothing is guessed: restore a backup (klaroen restore).") from None


def voice(*, worker: int = 0, context: Here) -> int:
    """Run a voice process alone: it makes the calls of kind sip.

    Parameters
    ----------
    worker
        Which of `voice.workers` this is, from 0.
    """
    _join(context)
    settings = context.settings()
    if not 0 <= worker < settings.voice.workers:
        raise CommandFault(f"There is no worker {worker}: voice.workers is {settings.voice.workers}.")
    from klaroen.rundir import HeldError
    from klaroen.systemd import Unit
    from klaroen_adapters.voice.worker import run_voice

    try:
        return run_voice(settings, worker, Unit(context.environ))
    except HeldError as error:
        raise CommandFault(f"{error}.") from None
    except OSError as error:
        if error.errno not in TAKEN:
            raise
        where = settings.metrics.voice
        raise CommandFault(f"{where} cannot be listened at: {os.strerror(error.errno)}.") from None


@config.command
def check(*, context: Here) -> None:
    """Read the configuration, and tell every fault in it at once."""
    settings = context.settings()
    carriers = [carrier.name for carrier in settings.carrier]
    source = context.config or context.environ.get("KLAROEN_CONFIG") or None
    machine = {"ok": True, "config": source and str(source), "data_dir": settings.data_dir, "carriers": carriers}
    words = f"{source or 'The embedded defaults'}: no fault. Data in {settings.data_dir}; {len(carriers)} carriers."
    context.answer(machine, words)


def _join(context: Context) -> None:
    from klaroen.children import end_with_parent, end_without_memory
    from klaroen.memory import dump_no_core

    end_with_parent(context.environ)
    end_without_memory()
    dump_no_core()
