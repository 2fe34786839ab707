"""What the store takes: deliveries journaled, receipts received, and how long an accept waits beside both.

Law: the real store with `synchronous=FULL` on the given directory, through the real writer; accepts are timed from the
instant at which they were due, not from when they got their turn.
Main: `python -m klaroen_bench.peers.store [DIRECTORY [MIXTURE…]]`.
"""

import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from msgspec import Struct

from klaroen.core.model import Alert, AlertId, Batch, BatchId, CarrierName, Instant, Step, Text
from klaroen.core.records import Entry, IdempotencyKey
from klaroen.store.sqlite import SqliteStore
from klaroen.store.writer import SWITCH_S, Writer, transact

DELIVERIES: Final = 1000
JOURNAL_BYTES: Final = 6000
"""Outcomes of a batch: six bytes a delivery."""
ENTRIES: Final = 2
"""Batches that one append settles: one of each of two carriers."""
IN_FLIGHT: Final = 8
"""Appends that wait at once: more than any dispatch allows itself (`unjournaled_max`)."""
RECEIPTS: Final = 200
RECEIPT_BYTES: Final = 60
ACCEPTS_PER_S: Final = 200.0
SECONDS: Final = 3.0

SENDER: Final = "zone-1"
CARRIER: Final = CarrierName("smsc")


def alert_of(number: int) -> Alert:
    return Alert(
        id=AlertId(f"alert{number:021d}"),
        alert_class="warm",
        mode="live",
        content={"nl": Text("Inbraak bezig in de Kerkstraat. Let op een witte bestelwagen. Bel 101.")},
        accepted_at=Instant(number),
        expires_at=Instant(number + 3_600_000),
        token=SENDER,
        role="police",
        networks=(),
        plan_versions=(),
        register_version=1,
        members=95,
        unreachable={},
    )


def batch_of(number: int, alert: AlertId) -> Batch:
    deliveries = bytes(4 * DELIVERIES)
    step = Step("sms", "mobile")
    return Batch(BatchId(number), alert, "warm", "live", step, 0, 1, "nl", 60.0, Instant(0), deliveries)


class Load:
    """Submits one kind of work, so many units a second or as fast as they are committed, until stopped."""

    def __init__(self, writer: Writer, work: Callable[[], object], units: int, units_per_s: float | None) -> None:
        self._writer = writer
        self._work = work
        self._units = units
        self._gap_s = units / units_per_s if units_per_s else 0.0
        self._free = threading.Semaphore(IN_FLIGHT)
        self._stopped = threading.Event()
        self.done = 0
        self._thread = threading.Thread(target=self._submit)
        self._thread.start()

    def _submit(self) -> None:
        due = time.perf_counter()
        while not self._stopped.wait(max(0.0, due - time.perf_counter()) if self._gap_s else 0.0):
            self._free.acquire()
            due += self._gap_s
            self._writer.submit(self._work, self._count)

    def _count(self, result: object) -> None:
        if isinstance(result, BaseException):
            raise result
        self.done += self._units
        self._free.release()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


@contextmanager
def busy(spins: bool) -> Iterator[None]:
    """Keep another thread computing, as a dispatch at full load does, only without its system calls."""
    stop = threading.Event()

    def spin() -> None:
        numbers = list(range(300))
        while not stop.is_set():
            sum(number * number for number in numbers)

    thread = threading.Thread(target=spin)
    if spins:
        thread.start()
    yield
    stop.set()
    if spins:
        thread.join()


class Bench:
    def __init__(self, directory: Path) -> None:
        self.store = SqliteStore.open(directory)
        self._numbers = count(1)
        home = alert_of(next(self._numbers))
        transact(self.store, partial(self._accept, home))
        batches = [batch_of(number, home.id) for number in range(1, 513)]
        transact(self.store, lambda: self.store.plan(home.id, len(batches) * DELIVERIES, batches, Instant(1)))
        self._turn = count()
        self._batches = len(batches)
        self._journal = os.urandom(JOURNAL_BYTES)
        self._rows = os.urandom(RECEIPTS * RECEIPT_BYTES)
        self.commits: list[float] = []
        self.writer = Writer(self.store, on_commit=self.commits.append)

    def append(self) -> None:
        first = next(self._turn) * ENTRIES
        entries = [
            Entry(BatchId((first + i) % self._batches + 1), 0, DELIVERIES, "leased", self._journal)
            for i in range(ENTRIES)
        ]
        fenced = self.store.append(entries, (), (), Instant(first))
        assert not fenced

    def receive(self) -> None:
        self.store.receive(CARRIER, self._rows, Instant(1))

    def _accept(self, alert: Alert) -> None:
        self.store.accept(alert, bytes(4 * 95), bytes(600), IdempotencyKey(SENDER, alert.id, bytes(32)))

    def accepts(self, seconds: float) -> list[float]:
        """Submit accepts at random instants; return how long after each it was durable."""
        chance = random.Random(1)
        waits: list[float] = []
        due = time.perf_counter()
        ends = due + seconds
        while due < ends:
            due += chance.expovariate(ACCEPTS_PER_S)
            time.sleep(max(0.0, due - time.perf_counter()))
            alert = alert_of(next(self._numbers))
            self.writer.submit(partial(self._accept, alert), partial(_note, waits, due), urgent=True)
        return waits


def _note(waits: list[float], due: float, result: object) -> None:
    if isinstance(result, BaseException):
        raise result
    waits.append(time.perf_counter() - due)


def _ms(waits: list[float], share: float) -> float:
    return round(sorted(waits)[int(len(waits) * share)] * 1000, 2)


class Mixture(Struct, frozen=True):
    """Units a second; None is as fast as they are committed, 0 is none."""

    name: str
    deliveries_per_s: float | None = 0.0
    receipts_per_s: float | None = 0.0
    accepts: bool = False
    spins: bool = False
    switch_s: float = 0.005


def measure(root: Path, mixture: Mixture) -> dict[str, object]:
    """Run one mixture for `SECONDS` on a store of its own."""
    bench = Bench(root / mixture.name.replace(" ", "-"))
    sys.setswitchinterval(mixture.switch_s)
    row: dict[str, object] = {"name": mixture.name}
    waits: list[float] = []
    loads: dict[str, Load] = {}
    cpu = time.process_time()
    started = time.perf_counter()
    with busy(mixture.spins):
        if mixture.deliveries_per_s != 0.0:
            units = ENTRIES * DELIVERIES
            loads["deliveries_per_s"] = Load(bench.writer, bench.append, units, mixture.deliveries_per_s)
        if mixture.receipts_per_s != 0.0:
            loads["receipts_per_s"] = Load(bench.writer, bench.receive, RECEIPTS, mixture.receipts_per_s)
        if mixture.accepts:
            waits = bench.accepts(SECONDS)
        else:
            time.sleep(SECONDS)
        for load in loads.values():
            load.stop()
        bench.writer.close()
        wall = time.perf_counter() - started
    row |= {key: round(load.done / wall) for key, load in loads.items()}
    if waits:
        row |= {"accepts": len(waits), "accept_p50_ms": _ms(waits, 0.5), "accept_p99_ms": _ms(waits, 0.99)}
    row |= {
        "commits": len(bench.commits),
        "commit_p50_ms": _ms(bench.commits, 0.5),
        "commit_p99_ms": _ms(bench.commits, 0.99),
        "cpu_s": round(time.process_time() - cpu, 2),
        "wall_s": round(wall, 2),
    }
    bench.store.close_connections()
    return row


MIXTURES: Final = (
    Mixture("appends", deliveries_per_s=None),
    Mixture("receives", receipts_per_s=None),
    Mixture("accepts", accepts=True),
    Mixture("accepts beside both at 125k/s", 125_000, 125_000, accepts=True),
    Mixture("accepts beside both unbounded", None, None, accepts=True),
    Mixture("accepts beside both at 125k/s and a busy loop", 125_000, 125_000, accepts=True, spins=True),
    Mixture("the same, switching sooner", 125_000, 125_000, accepts=True, spins=True, switch_s=SWITCH_S),
)


def main() -> None:
    """Print one JSON object a line and mixture."""
    only = sys.argv[2:]
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as root:
        for mixture in MIXTURES:
            if not only or mixture.name in only:
                sys.stdout.write(json.dumps(measure(Path(root), mixture)) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
