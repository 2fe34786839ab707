"""`klaroen demo` and `klaroen bench`: the whole system against simulated carriers, measured and audited."""

from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.types import PositiveFloat, PositiveInt
from msgspec import Struct

from klaroen.cli.context import CommandFault, Here

Members = Annotated[PositiveInt, Parameter(help="How many members the country has.")]
Networks = Annotated[PositiveInt, Parameter(help="How many networks they form.")]
Seed = Annotated[int, Parameter(help="The same seed makes the same country and the same fates.")]
Runs = Annotated[PositiveInt, Parameter(help="The median of so many is reported.")]
Flag = Annotated[bool, Parameter(negative="")]
Keep = Annotated[Flag, Parameter(help="Keep the data directory afterwards.")]
Storm = Annotated[Flag, Parameter(help="A carrier goes dark and dispatch is killed, in the middle.")]

bench = App(name="bench", help="Measure the system on this machine, with simulated carriers on loopback.")


class DemoOptions(Struct, frozen=True):
    """What `klaroen_bench.demo.run_demo` gets."""

    members: int
    networks: int
    seed: int
    storm: bool
    keep: bool
    json: bool


class BenchOptions(Struct, frozen=True):
    """What `run_national`, `run_latency`, `run_receipts` and `run_race` of the modules of these names get."""

    members: int
    networks: int
    seed: int
    runs: int
    json: bool
    keep: bool
    alerts: int
    shuffles: int


class VoiceOptions(Struct, frozen=True):
    """What `klaroen_bench.voice.run_voice` gets."""

    concurrent: int
    seconds: float
    runs: int
    json: bool
    keep: bool


class ExactOptions(Struct, frozen=True):
    """What `klaroen_bench.exact.run_exact` gets."""

    texts: int
    seed: int
    json: bool


class KillOptions(Struct, frozen=True):
    """What `klaroen_bench.kill.run_kill` gets."""

    kills: int
    systems: int
    seed: int
    json: bool
    keep: bool


def demo(
    *,
    members: Members = 100_000,
    networks: Networks = 1_059,
    seed: Seed = 1,
    storm: Storm = False,
    keep: Keep = False,
    context: Here,
) -> int:
    """Warn a made-up country over real processes and simulated carriers; audit what the handsets got.

    Exit 1 if anything was lost, doubled or altered.
    """
    return _run("demo", DemoOptions(members, networks, seed, storm, keep, context.json))


@bench.command
def national(
    *,
    members: Members = 100_000,
    networks: Networks = 1_059,
    seed: Seed = 1,
    runs: Runs = 3,
    keep: Keep = False,
    context: Here,
) -> int:
    """A national alert by SMPP and by HTTP, beside a bare flood and a plain script."""
    return _run("national", _options(context.json, members, networks, seed, runs, keep=keep))


@bench.command
def latency(
    *,
    members: Members = 100_000,
    networks: Networks = 1_059,
    seed: Seed = 1,
    runs: Runs = 1,
    alerts: PositiveInt = 500,
    keep: Keep = False,
    context: Here,
) -> int:
    """Alerts to one network, idle and beside national loads: accepted, handed over, arrived; a run takes nine minutes.

    Parameters
    ----------
    alerts
        How many are posted in each condition; below 500 no percentile is told.
    """
    return _run("latency", _options(context.json, members, networks, seed, runs, keep=keep, alerts=alerts))


@bench.command
def faults(
    *,
    members: Members = 20_000,
    networks: Networks = 211,
    seed: Seed = 1,
    keep: Keep = False,
    context: Here,
) -> int:
    """One of two carriers dies in every way in which carriers die, while alerts to one network come: six minutes.

    Exit 1 if something that must hold does not.
    """
    return _run("ailments", _options(context.json, members, networks, seed, 1, keep=keep))


@bench.command
def load(
    *,
    members: Members = 100_000,
    networks: Networks = 1_059,
    seed: Seed = 1,
    keep: Keep = False,
    context: Here,
) -> int:
    """More than can be borne: ten countries at once, 200 alerts a second, slow callers, floods; and who waits.

    At last a register of a million members, and an alert to all of them. Exit 1 if something that must hold does not.
    """
    return _run("load", _options(context.json, members, networks, seed, 1, keep=keep))


@bench.command
def receipts(
    *,
    members: Members = 100_000,
    networks: Networks = 1_059,
    seed: Seed = 1,
    runs: Runs = 3,
    shuffles: PositiveInt = 1_000,
    keep: Keep = False,
    context: Here,
) -> int:
    """Receipts in any order, some twice: how many a second, and whether every order ends the same.

    Parameters
    ----------
    shuffles
        In how many orders the end state is compared.
    """
    return _run("receipts", _options(context.json, members, networks, seed, runs, keep=keep, shuffles=shuffles))


@bench.command
def voice(
    *,
    concurrent: PositiveInt = 1_000,
    seconds: PositiveFloat = 20.0,
    runs: Runs = 3,
    keep: Keep = False,
    context: Here,
) -> int:
    """Calls by a voice process with a core of its own: setup, punctuality, and what the telephones heard.

    Parameters
    ----------
    concurrent
        How many calls stand at once.
    seconds
        For how long they do in a run.
    """
    return _run("voice", VoiceOptions(concurrent, seconds, runs, context.json, keep))


@bench.command
def exact(*, texts: PositiveInt = 10_000, seed: Seed = 1, context: Here) -> int:
    """Texts that something on the way would like to change, by every channel: minutes of virtual time.

    Exit 1 if one came altered, or did not come.

    Parameters
    ----------
    texts
        How many are posted, as crisis messages and in cold mails.
    """
    return _run("exact", ExactOptions(texts, seed, context.json))


@bench.command
def kill(
    *,
    kills: PositiveInt = 50,
    systems: PositiveInt = 2,
    seed: Seed = 1,
    keep: Keep = False,
    context: Here,
) -> int:
    """Kill the processes of small systems again and again while they warn people; audit what the handsets got.

    Exit 1 if anything was lost or altered, or doubled beyond what was counted as possible beforehand.

    Parameters
    ----------
    kills
        How many processes are killed; others are stopped for a while and go on.
    systems
        How many systems run side by side and share them.
    """
    return _run("kill", KillOptions(kills, systems, seed, context.json, keep))


@bench.command
def peers(
    *,
    members: Members = 20_000,
    runs: Runs = 3,
    context: Here,
) -> int:
    """Our SMPP and HTTP clients beside those that others would take, against the same peers in the same run."""
    return _run("race", _options(context.json, members, 1, 1, runs, keep=False))


def _options(
    json: bool,
    members: int,
    networks: int,
    seed: int,
    runs: int,
    *,
    keep: bool,
    alerts: int = 500,
    shuffles: int = 1_000,
) -> BenchOptions:
    return BenchOptions(members, networks, seed, runs, json, keep, alerts, shuffles)


def _run(name: str, options: DemoOptions | BenchOptions | VoiceOptions | KillOptions | ExactOptions) -> int:
    """The laboratory is a distribution's own choice: an installation that only serves may leave it out."""
    module = f"klaroen_bench.{name}"
    if find_spec("klaroen_bench") is None or find_spec(module) is None:
        raise CommandFault(f"This installation has no {module}.")
    run: Any = getattr(import_module(module), f"run_{name}")
    return int(run(options))
