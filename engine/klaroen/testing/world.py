"""The whole of dispatch in virtual time: the real tasks and the real store, no socket, no disk.

Law: the clock moves only when nothing is left to do; a crash drops everything that is not committed, and a restart
reads the data directory with a fresh desk.
"""

import json
import math
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, cast

import msgspec
import trio
from trio.testing import MockClock

from klaroen.core import calls
from klaroen.core.account import Account
from klaroen.core.audience import Audience
from klaroen.core.intake import read_alert
from klaroen.core.model import AlertId, CarrierName, Instant, Token
from klaroen.core.policy import Verb
from klaroen.core.ports import Speaker
from klaroen.core.register_rows import RegisterVersion
from klaroen.core.views import AcceptedView, ActedView, AttemptView, StatusView
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.fleet import EmitFor, build_fleet
from klaroen.dispatch.journeys import Journeys, read_journeys
from klaroen.dispatch.office import Office
from klaroen.dispatch.recover import load_register, load_tokens, recover
from klaroen.dispatch.run import start_work
from klaroen.dispatch.socket import Counter
from klaroen.register.book import Book
from klaroen.register.difference import postings
from klaroen.register.keys import Keyring, read_keys
from klaroen.register.model import Register
from klaroen.register.opening import keys_path
from klaroen.setting_kinds import FourEyes
from klaroen.settings import CarrierSettings, ClassSteps, Dispatch, Settings, Sim, Steps
from klaroen.store import open_store
from klaroen.store.writer import WritableStore, transact
from klaroen.telemetry import Depths, DispatchMetrics
from klaroen.testing.country import TOKENS
from klaroen.testing.disk import Disk, NotedStore, PowerCut
from klaroen.testing.ear import Deaf, Ear
from klaroen.testing.far_end import Copy, FarEnd, Handed
from klaroen.testing.reckoning import members_counted, sheets
from klaroen.testing.rig import STARTS_AT, TrioClock
from klaroen.testing.scripted import Scripted

T = TypeVar("T")

SMS_S, CALL_S, GRACE_S = 10.0, 15.0, 5.0
TEXT: Final = "Inbraak bezig in de Kerkstraat. Bel 101."
STEPS: Final = ClassSteps(sms_s=SMS_S, call_s=CALL_S, email_s=20.0, grace_s=GRACE_S)
ALL_STEPS: Final = Steps(crisis=STEPS, warm=STEPS, public_interest=STEPS, cold=STEPS)
CALLS: Final = Sim(name=CarrierName("calls"), channels=("voice", "tts"), rate_per_s=100.0)
NO_FOUR_EYES: Final = FourEyes()
KEYS: Final = Keyring({1: b"k" * 64})
"""A world is nobody's secret."""
FINAL: Final = ("done", "cancelled", "expired", "superseded")


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
        more: Sequence[CarrierSettings] = (),
        tokens: Sequence[Token] = TOKENS,
        speaker: Speaker | None = None,
        seed: int = 1,
        starts_at: Instant = STARTS_AT,
        ear: Ear | None = None,
        four_eyes: FourEyes = NO_FOUR_EYES,
    ) -> None:
        self.ends = {end.name: end for end in ends}
        self.ear: Ear = ear or Deaf()
        for end in ends:
            end.ear = self.ear
            end.before_hand_over.append(lambda _end, _envelopes: 0 if self.dark else None)
        self.directory = directory
        self.mock = clock
        self.wall = TrioClock(starts_at)
        self.skew_ms = 0
        """By how much the machine's clock is wrong: a process reads it when it starts, and never again (law 9)."""
        self.clock = self.wall
        self.country = country
        self.seed = seed
        self.speaker = speaker
        self.commits = 0
        self.cut_before_commit: int | None = None
        self.cut_after_commit: int | None = None
        self.dark = False
        self.disk_full = False
        self.disk_lag_s = 0.0
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
            four_eyes=four_eyes,
            carrier=(*scripted, *more, *(() if calls is None else (calls,))),
        )
        store = open_store("sqlite", directory, synchronous="OFF")
        transact(store, lambda: self._furnish(store, tokens))
        store.close_connections()
        self.desk: Desk
        self._office: Office
        self._life: trio.CancelScope | None = None
        self._keys = 0

    def _book(self, store: WritableStore) -> Book:
        path = keys_path(self.directory, None)
        return Book(store.register, read_keys(path) or KEYS, path)

    def _furnish(self, store: WritableStore, tokens: Sequence[Token]) -> None:
        store.register.stage(list(postings(KEYS, Register(), self.country, 1)))
        store.register.enforce(RegisterVersion(1, self.clock.now(), "world", "import"))
        for one in tokens:
            store.put_token(one)

    @asynccontextmanager
    async def running(self, *, linked: bool = True) -> AsyncIterator["World"]:
        """Dispatch runs for as long as the block; a power cut ends it from within. `linked` waits for the links."""
        self.dark = False
        store = open_store("sqlite", self.directory, synchronous="OFF")
        try:
            standing = store.standing()
            self.clock = TrioClock(Instant(max(self.wall.now() + self.skew_ms, standing.last_instant)))
            metrics = DispatchMetrics(self.settings, Depths)
            noted, book = NotedStore(store), self._book(store)
            writer, seen = Disk(noted, self), cast(WritableStore, noted)
            desk = Desk(self.settings, seen, writer, self.clock, metrics, "sim:1", b"k" * 32, book, self.speaker)
            desk.chance = random.Random(self.seed)
            self.seed += 1
            load_register(desk)
            load_tokens(desk)
            build_fleet(desk, EmitFor(desk))
            recover(desk, standing)
            self.desk, self._office = desk, Office(desk)
            self.ear.began(self, standing)
            async with trio.open_nursery() as nursery:
                self._life = nursery.cancel_scope
                start_work(nursery, desk, Counter(desk))
                if linked:
                    await self.until(lambda: all(s.link_up or not self._may_be_up(s.name) for s in desk.all_stations()))
                yield self
                nursery.cancel_scope.cancel()
            if self.dark:
                raise PowerCut
        finally:
            self._life = None
            store.close_connections()

    @property
    def alive(self) -> bool:
        return self._life is not None and not self.dark

    def kill(self) -> None:
        """The process dies here: whoever runs gets no further than to its next checkpoint, and nothing leaves."""
        assert self._life is not None, "nobody lives"
        self.dark = True
        self._life.cancel()

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

    async def act(self, alert: str, verb: Verb, principal: str = "operator") -> ActedView:
        return await self.ask(calls.Act(AlertId(alert), verb), ActedView, principal)

    async def switch(self, carrier: str, verb: Literal["avoid", "restore"]) -> None:
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

    def audience(self, alert: str) -> Audience:
        return Audience.decode(self.desk.store.audience(AlertId(alert)))

    def attempts(self, alert: str, delivery: int = 0) -> Sequence[AttemptView]:
        return self.journeys(alert).view(delivery, 0).attempts

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def handed(self) -> list[Handed]:
        """Everything that left for a scripted carrier, in order."""
        return sorted((one for end in self.ends.values() for one in end.handed), key=lambda one: one.at)

    @property
    def copies(self) -> list[Copy]:
        return [one for end in self.ends.values() for one in end.copies]

    def at_s(self, instant: Instant) -> float:
        """Return an instant as trio's time."""
        return trio.current_time() - (self.clock.now() - instant) / 1000

    def rebuilt(self, alert: str) -> Account:
        """Return the account that the journal makes."""
        return Account.rebuild(self.audience(alert), [sheet for _, sheet in sheets(self.desk.store, AlertId(alert))])

    def closed(self, alert: str) -> Account:
        row = self.desk.store.alert(AlertId(alert))
        assert row is not None
        assert row.final is not None
        return Account.reopen(self.audience(alert), row.final)
