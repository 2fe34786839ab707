"""A process that is killed while it writes has lost nothing that it had answered (law 3).

This file is its own child: run with a directory, it writes without end and says on its output what is durable.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from klaroen.core.model import Alert, AlertId, Batch, BatchId, CarrierName, Instant, Step, Text
from klaroen.core.records import Entry, IdempotencyKey
from klaroen.store.sqlite import SqliteStore
from klaroen.store.writer import Writer, transact

SMSC = CarrierName("smsc")
KILLS = 12
IN_FLIGHT = 6


# --- the child ------------------------------------------------------------------------------------------------------


def say(word: str, known: Callable[[object], object], free: threading.Semaphore, result: object) -> None:
    """In the writer's thread, after the commit: one unbuffered line, whole or not at all."""
    assert not isinstance(result, BaseException)
    os.write(1, f"{word} {known(result)}\n".encode())
    free.release()


def accept(store: SqliteStore, number: int) -> str:
    name = f"A{number}"
    alert = Alert(
        id=AlertId(name),
        alert_class="warm",
        mode="live",
        content={"nl": Text("Let op.")},
        accepted_at=Instant(number + 1),
        expires_at=Instant(number + 1000),
        token="t",
        role="police",
        networks=(),
        plan_versions=(),
        register_version=1,
        members=1,
        unreachable={},
    )
    store.accept(alert, name.encode(), b"answer", IdempotencyKey("t", name, b"f"))
    store.plan(alert.id, 1, [batch_of(number, name)], Instant(number + 1))
    return name


def batch_of(number: int, name: str) -> Batch:
    step = Step("sms", "mobile")
    return Batch(BatchId(number + 1), AlertId(name), "warm", "live", step, 0, 1, "nl", 60.0, Instant(1), b"\0\0\0\0")


def append(store: SqliteStore, batch: int, number: int) -> int:
    """Add the next number to the batch's journal."""
    fenced = store.append([Entry(BatchId(batch), 0, number, "ready", b"%d" % number)], (), (), Instant(1))
    assert not fenced
    return number


def write_without_end(directory: Path) -> None:
    store = SqliteStore.open(directory)
    standing = store.standing()
    alert_number = len(standing.alerts)
    if not standing.batches:
        transact(store, partial(accept, store, 0))
        alert_number = 1
    number = sum(batch == 1 for batch, _ in standing.journal)
    writer = Writer(store)
    free = threading.Semaphore(IN_FLIGHT)
    while True:
        for work, word, urgent in (
            (partial(store.receive, SMSC, b"receipt", Instant(1)), "received", False),
            (partial(append, store, 1, number), "appended", False),
            (partial(accept, store, alert_number), "accepted", True),
        ):
            free.acquire()
            writer.submit(work, partial(say, word, lambda result: result, free), urgent=urgent)
        number += 1
        alert_number += 1


# --- the test -------------------------------------------------------------------------------------------------------


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    """Killed again and again at whatever moment: every answered accept, entry and receipt is there, once."""
    received: set[int] = set()
    accepted: set[str] = set()
    appended = -1
    for kill in range(KILLS):
        lines = answers_before_kill(tmp_path, 5 + 37 * kill)
        for word, value in lines:
            match word:
                case "received":
                    received.add(int(value))
                case "accepted":
                    accepted.add(value)
                case _:
                    appended = max(appended, int(value))
        store = SqliteStore.open(tmp_path)
        standing = store.standing()
        assert received <= {row.id for row in standing.inbox}
        names = {row.alert.id for row in standing.alerts}
        assert accepted <= names
        assert len(names) == len(standing.batches), "an alert and its batch stand in one commit"
        assert all(store.audience(name) == name.encode() for name in sorted(names)[-3:])
        journal = [int(blob) for _, blob in standing.journal]
        assert journal == list(range(len(journal))), "each entry once, in the order of its commit"
        assert appended < len(journal)
        store.close_connections()
    assert min(len(received), len(accepted), appended) > KILLS


def answers_before_kill(directory: Path, line_count: int) -> list[tuple[str, str]]:
    """Start the child, kill it after so many answers, and return all that it had given."""
    with subprocess.Popen([sys.executable, __file__, str(directory)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(line_count)]
        child.kill()
        lines += child.stdout.readlines()
    assert child.returncode == -9
    whole = [line.split() for line in lines if line.endswith("\n")]
    assert len(whole) >= line_count
    return [(word, value) for word, value in whole]


if __name__ == "__main__":
    write_without_end(Path(sys.argv[1]))
