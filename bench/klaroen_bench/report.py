"""The report of a demonstration: from what the run wrote down, what Klaroen says and what the ledgers hold.

Law: everything is read from the demonstration's own directory, so that a kept one is judged again by the same code. The
audit decides; nothing here excuses.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from klaroen_bench.audience import read_register
from klaroen_bench.audit import Report, audit
from klaroen_bench.copies import read_copies
from klaroen_bench.sight import STATES
from klaroen_bench.spoken import read_spoken
from klaroen_bench.telephones import (
    call_channels,
    call_copies,
    first_heard,
    is_trunk_ledger,
    read_trunk,
    tally,
)

CARRIER_CHANNELS: Final = ("sms", "voice", "tts")
"""For which the rig has a carrier."""
TAKEN: Final = frozenset({"handed_over", "network", "reached", "failed"})
"""States of an attempt that a carrier accepted."""
PROCESSES: Final = ("edge", "dispatch", "voice")


class Register(Struct, frozen=True):
    members: int
    memberships: int
    active: int


class Measured(Struct, frozen=True):
    """What only the run could know."""

    seed: int
    storm: bool
    networks: int
    register: Register
    conditions: Mapping[str, Any]
    steps: Mapping[str, float]
    posted_at_ms: int
    """The wall clock, on the machine whose clock the engine has."""
    accept_ms: float
    settled_s: float
    """Until the alert's final state was seen."""
    peak_rss_mb: Mapping[str, float]
    restart_to_handover_s: float | None
    accepted: Mapping[str, int]
    """By carrier, as it counted itself."""
    data_dir: str


class Files:
    """Where a demonstration writes what it is judged by."""

    def __init__(self, directory: Path) -> None:
        self.country = directory / "country"
        self.alert = directory / "alert.json"
        self.status = directory / "status.json"
        self.deliveries = directory / "deliveries.jsonl"
        self.measured = directory / "measured.json"
        self.clips = directory / "clips"
        self.ledgers = sorted(directory.glob("*.ledger"))

    def keep(
        self,
        alert: Mapping[str, Any],
        status: Mapping[str, Any],
        deliveries: Iterable[Mapping[str, Any]],
        measured: Measured,
        clips: Path,
    ) -> None:
        """Write it all down; `clips` is where the engine keeps what calls play."""
        if clips.is_dir():
            shutil.copytree(clips, self.clips)
        self.alert.write_text(json.dumps(alert, ensure_ascii=False))
        self.status.write_text(json.dumps(status))
        with self.deliveries.open("wb") as file:
            file.writelines(msgspec.json.encode(one) + b"\n" for one in deliveries)
        self.measured.write_bytes(msgspec.json.encode(measured))

    def read_deliveries(self) -> Iterator[dict[str, Any]]:
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        with self.deliveries.open("rb") as file:
            for line in file:
                yield decode(line)


def judge(directory: Path) -> tuple[dict[str, Any], bool]:
    """Return the report of the demonstration in this directory, and whether nothing was lost, doubled or altered.

    Raises AuditError or LedgerError where it cannot be judged, OSError where something of it is missing.
    """
    files = Files(directory)
    register = read_register(
        files.country / "members.csv", files.country / "networks.jsonl", files.country / "zones.jsonl"
    )
    alert, status = json.loads(files.alert.read_text()), json.loads(files.status.read_text())
    measured = msgspec.json.decode(files.measured.read_bytes(), type=Measured)
    deliveries = list(files.read_deliveries())
    trunks = [read_trunk(ledger) for ledger in files.ledgers if is_trunk_ledger(ledger)]
    spoken = read_spoken(files.clips, alert, deliveries, chain.from_iterable(map(first_heard, trunks)))
    copies = [copy for trunk in trunks for copy in call_copies(trunk, spoken)]
    for ledger in files.ledgers:
        if not is_trunk_ledger(ledger):
            copies += read_copies(ledger)[0]
    audited = audit(register, alert, status, deliveries, copies, carrier_channels=CARRIER_CHANNELS)
    calls = tally(trunks, call_channels(deliveries))
    return make_report(measured, status, deliveries, audited, calls), is_sound(audited)


def is_sound(audited: Report) -> bool:
    """Nothing lost, doubled or altered; nothing at a stranger's either, nor by a second channel after proof."""
    return audited.sound and not audited.strays


def make_report(
    measured: Measured,
    status: Mapping[str, Any],
    deliveries: list[dict[str, Any]],
    audited: Report,
    calls: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    """Return the one object of `klaroen demo --json`: the contract's keys, then ours.

    `calls` are the telephones' own count.
    """
    handed_over_s = first_steps_handed_over_s(deliveries, measured.posted_at_ms)
    taken = sum(any(attempt["state"] in TAKEN for attempt in one["attempts"]) for one in deliveries)
    return {
        "members": status["members"],
        "networks": measured.networks,
        "deliveries": len(deliveries),
        **{state: status[state] for state in ("handed_over", "reached", "failed", "unreachable")},
        "lost": audited.lost,
        "duplicates": audited.duplicates,
        "altered": audited.altered,
        "escalated_after_arrival": audited.escalated_after_arrival,
        "possible_duplicates": status["possible_duplicates"],
        "conditions": measured.conditions,
        "accept_ms": measured.accept_ms,
        "first_handover_ms": between_ms(status["accepted_at"], status["first_handover_at"]),
        "handed_over_s": handed_over_s,
        "settled_s": measured.settled_s,
        "peak_rss_mb": {name: measured.peak_rss_mb.get(name) for name in PROCESSES},
        "channels": status["channels"],
        "data_dir": measured.data_dir,
        "state": status["state"],
        **{state: status[state] for state in STATES if state in ("pending", "expired", "cancelled")},
        "confirmed": status["confirmed"],
        "calls": calls,
        "escalated": escalated(deliveries),
        "handed_over_ever": taken,
        "copies": audited.copies,
        "strays": audited.strays,
        "escalated_after_proof": audited.escalated_after_proof,
        "doubled_as_announced": audited.doubled_as_announced,
        "offenders": audited.offenders,
        "register": msgspec.to_builtins(measured.register),
        "accepted": measured.accepted,
        "steps": measured.steps,
        "seed": measured.seed,
        "storm": measured.storm,
        "restart_to_handover_s": measured.restart_to_handover_s,
        "cost_eur": status["cost_eur"],
        "sound": is_sound(audited),
    }


def first_steps_handed_over_s(deliveries: Iterable[Mapping[str, Any]], posted_at_ms: int) -> dict[str, float | None]:
    """Return by channel when the last delivery that begins with it was first accepted by a carrier of it.

    A fail-over within the step counts, since the member waits for it; a later step does not: it waits by design.
    """
    last: dict[str, str] = {}
    for delivery in deliveries:
        attempts = delivery["attempts"]
        channel = attempts[0]["channel"] if attempts else None
        for attempt in attempts:
            if attempt["channel"] == channel and attempt["state"] in TAKEN:
                last[channel] = max(last.get(channel, ""), attempt["answered_at"])
                break
    return {
        channel: round(_ms(last[channel]) / 1000 - posted_at_ms / 1000, 3) if channel in last else None
        for channel in CARRIER_CHANNELS
    }


def escalated(deliveries: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return by channel how many members came to it from another."""
    counts: Counter[str] = Counter()
    for delivery in deliveries:
        channels = list(dict.fromkeys(attempt["channel"] for attempt in delivery["attempts"]))
        counts.update(channels[1:])
    return dict(sorted(counts.items()))


def between_ms(start: str, end: str | None) -> float | None:
    return None if end is None else round(_ms(end) - _ms(start), 1)


def _ms(written: str) -> float:
    return datetime.fromisoformat(written).timestamp() * 1000
