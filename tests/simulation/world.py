"""A small country with the whole of dispatch in virtual time: the real tasks and the real store, no socket, no disk.

Law: the clock moves only when nothing is left to do; a crash drops everything that is not committed, and a restart
reads the data directory with a fresh desk.
"""

import json
import math
import random
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import trio
from msgspec.structs import replace
from tests.simulation.far_end import FarEnd, PowerCut, Scripted
from trio.testing import MockClock

from klaroen.core import calls
from klaroen.core.account import Account
from klaroen.core.errors import StoreUnavailableError
from klaroen.core.intake import read_alert
from klaroen.core.model import (
    AlertId,
    Area,
    CarrierName,
    Coordinator,
    Instant,
    Levels,
    Member,
    MemberId,
    MemberNumber,
    Network,
    NetworkId,
    Officer,
    Plan,
    Role,
    Token,
    Window,
    Zone,
    ZoneId,
)
from klaroen.core.ports import Speaker
from klaroen.core.records import BatchRow
from klaroen.core.sheet import Sheet
from klaroen.core.views import AcceptedView, ActedView, StatusView
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.fleet import EmitFor, build_fleet
from klaroen.dispatch.journeys import Journeys, read_journeys
from klaroen.dispatch.office import Office
from klaroen.dispatch.recover import load_register, load_tokens, recover
from klaroen.dispatch.run import start_work
from klaroen.dispatch.socket import Counter
from klaroen.register.export import export_register
from klaroen.register.model import Register
from klaroen.register.snapshot import make_snapshot, snapshot_bytes
from klaroen.settings import ClassSteps, Dispatch, Settings, Sim, Steps
from klaroen.store import open_store
from klaroen.store.trio_writer import InlineWriter
from klaroen.store.writer import transact
from klaroen.telemetry import Depths, DispatchMetrics
from klaroen.testing import TrioClock

T = TypeVar("T")

SMS_S, CALL_S, GRACE_S = 10.0, 15.0, 5.0
TEXT = "Inbraak bezig in de Kerkstraat. Bel 101."
STEPS = ClassSteps(sms_s=SMS_S, call_s=CALL_S, email_s=20.0, grace_s=GRACE_S)
ALL_STEPS = Steps(crisis=STEPS, warm=STEPS, public_interest=STEPS, cold=STEPS)
DAY = (Window("00:00", "24:00", ("sms", "tts")),)
TEXT_ONLY = (Window("00:00", "24:00", ("sms",)),)
CALLS = Sim(name=CarrierName("calls"), channels=("voice", "tts"), rate_per_s=100.0)
FINAL = ("done", "cancelled", "expired", "superseded")


# --- the register ---------------------------------------------------------------------------------------------------


def network(number: int, urgent: Sequence[Window] = DAY, *, zone: str = "Z1", **changes: Any) -> Network:
    made = Network(
        id=NetworkId(f"BIN-{number:04}"),
        name=f"BIN {number}",
        kind="residents",
        zone=ZoneId(zone),
        municipality="Aalst",
        province="Oost-Vlaanderen",
        region="Vlaanderen",
        languages=("nl",),
        recognised_on="2019-05-01",
        area=Area(streets=("Kerkstraat",)),
        coordinators=(Coordinator("K1", "C"),),
        officers=(Officer("O1", "O"),),
        mayor="B",
        members_at_signing=20,
        levels=Levels(),
        plans=(Plan(1, "2020-01-01", tuple(urgent), tuple(urgent)),),
        evaluation_months=12,
    )
    return replace(made, **changes) if changes else made


def address(number: int) -> str:
    return f"+32470{number:06}"


def register(networks: Sequence[Network], members_each: int) -> Register:
    """Networks of as many members each, all with a mobile; numbers run on from network to network."""
    zones = tuple(Zone(ZoneId(name), f"Zone {name}") for name in sorted({one.zone for one in networks}))
    members = tuple(
        Member(
            number=MemberNumber(place * members_each + index),
            id=MemberId(f"M{place * members_each + index}"),
            name="N",
            language=None,
            mobile=address(place * members_each + index),
            landline=None,
            email=None,
            whatsapp=None,
            preference=(),
            adult=True,
            memberships=((one.id, "active", True),),
        )
        for place, one in enumerate(networks)
        for index in range(members_each)
    )
    return Register(zones, tuple(networks), members)


def token(name: str, role: Role, *zones: str) -> Token:
    return Token(name, sha256(name.encode()).digest(), role, zones=zones)


TOKENS = (
    token("police", "police", "*"),
    token("police2", "police", "*"),
    token("operator", "operator"),
    token("crisis", "crisis_authority", "*"),
)


# --- the writer that may fail -----------------------------------------------------------------------------------------


class Disk(InlineWriter):
    """Writes at once, unless the power is off or the disk is full; `cut_at` counts commits down to the power cut."""

    def __init__(self, store: Any, world: "World") -> None:
        super().__init__(store)
        self._transactional = store
        self._world = world

    async def write(self, method: Callable[..., T], *args: Any, urgent: bool = False) -> T:
        world = self._world
        if world.dark:
            raise PowerCut
        if world.disk_full or world.refuses(method.__name__, args):
            await trio.lowlevel.checkpoint()
            raise StoreUnavailableError("disk full")
        world.commits += 1
        if world.commits == world.cut_before_commit:
            world.dark = True
            raise PowerCut
        result = transact(self._transactional, lambda: method(*args))
        if world.commits == world.cut_after_commit:
            world.dark = True
            raise PowerCut
        await trio.lowlevel.checkpoint()
        return result


# --- the world --------------------------------------------------------------------------------------------------------


class World:
    """One data directory, its far ends, and dispatch while it runs."""

    def __init__(
        self,
        directory: Path,
        clock: MockClock,
        ends: Sequence[FarEnd],
        country: Register,
        *,
        carriers: Mapping[str, Mapping[str, Any]] | None = None,
        steps: Steps = ALL_STEPS,
        unjournaled_max: int = 1_000,
        calls: Sim | None = CALLS,
        tokens: Sequence[Token] = TOKENS,
        speaker: Speaker | None = None,
        seed: int = 1,
    ) -> None:
        self.ends = {end.name: end for end in ends}
        self.directory = directory
        self.mock = clock
        self.clock = TrioClock()
        self.country = country
        self.seed = seed
        self.speaker = speaker
        self.commits = 0
        self.cut_before_commit: int | None = None
        self.cut_after_commit: int | None = None
        self.dark = False
        self.disk_full = False
        self.refuses: Callable[[str, Any], bool] = lambda _method, _args: False
        """Whether the disk is full for just this write."""
        own = carriers or {}
        scripted = tuple(
            Scripted(**{"name": end.name, "channels": ("sms",), "end": end, **own.get(end.name, {})}) for end in ends
        )
        self.settings = Settings(
            data_dir=str(directory),
            steps=steps,
            dispatch=Dispatch(unjournaled_max=unjournaled_max),
            carrier=scripted if calls is None else (*scripted, calls),
        )
        store = open_store("sqlite", directory, synchronous="OFF")
        transact(store, lambda: self._furnish(store, tokens))
        store.close_connections()
        self.desk: Desk
        self._office: Office
        self._keys = 0

    def _furnish(self, store: Any, tokens: Sequence[Token]) -> None:
        snapshot = make_snapshot(1, self.country)
        store.put_register(1, snapshot_bytes(snapshot), export_register(self.country), self.clock.now())
        for one in tokens:
            store.put_token(one)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        """Dispatch runs for as long as the block; a power cut ends it from within."""
        self.dark = False
        store = open_store("sqlite", self.directory, synchronous="OFF")
        try:
            metrics = DispatchMetrics(self.settings, Depths)
            desk = Desk(self.settings, store, Disk(store, self), self.clock, metrics, "sim:1", b"k" * 32, self.speaker)
            desk.chance = random.Random(self.seed)
            self.seed += 1
            load_register(desk)
            load_tokens(desk)
            build_fleet(desk, EmitFor(desk))
            recover(desk, desk.store.standing())
            self.desk, self._office = desk, Office(desk)
            async with trio.open_nursery() as nursery:
                start_work(nursery, desk, Counter(desk))
                await self.until(lambda: all(s.link_up or not self._may_be_up(s.name) for s in desk.all_stations()))
                yield self
                nursery.cancel_scope.cancel()
        finally:
            store.close_connections()

    @asynccontextmanager
    async def until_dark(self) -> AsyncIterator["World"]:
        """Dispatch runs until the power fails, which it must."""
        try:
            async with self.running():
                yield self
                await trio.sleep(600)
        except* PowerCut:
            assert self.dark
        else:
            raise AssertionError("the power did not fail")

    def _may_be_up(self, name: CarrierName) -> bool:
        return name not in self.ends or self.ends[name].up

    # --- asking -----------------------------------------------------------------------------------------------------

    async def ask(self, question: calls.Question, answer: type[T], principal: str | None = "police") -> T:
        return msgspec.msgpack.decode(await self._office.answer(principal, question), type=answer, strict=False)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Time stands still, for what is done in a thread: it would pass meanwhile."""
        self.mock.autojump_threshold = math.inf
        try:
            yield
        finally:
            self.mock.autojump_threshold = 0

    def submit(self, key: str | None = None, **changes: Any) -> calls.Submit:
        self._keys += 1
        body = {"class": "warm", "targets": {"all": True}, "content": {"nl": {"text": TEXT}}, **changes}
        raw = json.dumps(body).encode()
        return calls.Submit(read_alert(raw), key or f"key{self._keys}", sha256(raw).digest())

    async def send(self, principal: str = "police", **changes: Any) -> AcceptedView:
        """Post an alert to everybody, with these fields."""
        return await self.ask(self.submit(**changes), AcceptedView, principal)

    async def act(self, alert: str, verb: calls.Verb) -> ActedView:
        return await self.ask(calls.Act(AlertId(alert), verb), ActedView, "operator")

    async def switch(self, carrier: str, verb: Any) -> None:
        await self.ask(calls.SwitchCarrier(carrier, verb), object, "operator")

    async def status(self, alert: str) -> StatusView:
        return await self.ask(calls.ShowAlert(AlertId(alert)), StatusView, "operator")

    async def until(self, holds: Callable[[], bool], within_s: float = 600.0) -> None:
        with trio.move_on_after(within_s):
            while not holds():  # noqa: ASYNC110 - virtual time costs nothing
                await trio.sleep(0.01)
            return
        raise AssertionError(f"not within {within_s} s")

    async def over(self, alert: str, within_s: float = 600.0) -> StatusView:
        """Wait for the alert's end; its seven counts sum to its members all the while."""
        with trio.move_on_after(within_s):
            while (status := await self.status(alert)).state not in FINAL or AlertId(alert) in self.desk.alerts:
                assert members_counted(status) == status.members
                await trio.sleep(0.2)
            return status
        raise AssertionError(f"{status.state} after {within_s} s: {status}")

    def journeys(self, alert: str) -> Journeys:
        """All attempts, as users read them."""
        row = self.desk.store.alert(AlertId(alert))
        assert row is not None
        return read_journeys(self.desk.store, row.alert, self.audience(alert), self.desk.register.snapshot.member_ids)

    def audience(self, alert: str) -> Any:
        from klaroen.core.audience import Audience

        return Audience.decode(self.desk.store.audience(AlertId(alert)))

    def attempts(self, alert: str, delivery: int = 0) -> Sequence[Any]:
        return self.journeys(alert).view(delivery, 0).attempts

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def handed(self) -> list[Any]:
        """Everything that left for a scripted carrier, in order."""
        return sorted((one for end in self.ends.values() for one in end.handed), key=lambda one: one.at)

    @property
    def copies(self) -> list[Any]:
        return [one for end in self.ends.values() for one in end.copies]

    def at_s(self, instant: Instant) -> float:
        """Return an instant as trio's time."""
        return trio.current_time() - (self.clock.now() - instant) / 1000

    def rebuilt(self, alert: str) -> Account:
        """Return the account that the journal makes."""
        return Account.rebuild(self.audience(alert), [sheet for _, sheet in sheets(self, alert)])

    def closed(self, alert: str) -> Account:
        row = self.desk.store.alert(AlertId(alert))
        assert row is not None
        assert row.final is not None
        return Account.reopen(self.audience(alert), row.final)


def sheets(world: World, alert: str) -> list[tuple[BatchRow, Sheet]]:
    """Return every batch of the alert, with the sheet that its journal makes."""
    batches, journal = world.desk.store.history(AlertId(alert))
    tails: dict[int, list[bytes]] = {}
    for batch, blob in journal:
        tails.setdefault(batch, []).append(blob)
    return [(row, Sheet.thaw(row.batch, None, tails.get(row.batch.id, ()))) for row in batches]


def members_counted(status: StatusView) -> int:
    return (
        status.pending + status.handed_over + status.reached + status.failed + status.expired + status.cancelled
        + status.unreachable
    )  # fmt: skip


def gist(account: Account) -> dict[str, object]:
    """Return what two accounts of the same facts agree on: all but the instants, which a replay may know less well."""
    return {
        "states": bytes(account.states),
        "reached": bytes(account.reached),
        "counts": account.counts,
        "network_only": account.network_only,
        "confirmed": account.confirmed,
        "possible_duplicates": account.possible_duplicates,
        "tallies": {
            channel: (tally.states, tally.flown, round(tally.cost_eur, 6)) for channel, tally in account.tallies.items()
        },
    }


def numbers(blob: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(blob) // 4}I", blob)
