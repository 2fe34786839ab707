"""The audit of many alerts whose copies lie in the same ledgers: each by the auditor of one, then what came twice.

Law: the auditor decides what was lost, doubled or altered; nothing of the engine is imported. A copy belongs to the
alert whose text it has, a call to the alert whose attempt its Call-ID names; what belongs to none is a stray.
"""

import tempfile
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from klaroen_bench.audience import Register
from klaroen_bench.audit import audit
from klaroen_bench.copies import Copy, read_copies
from klaroen_bench.spoken import read_spoken
from klaroen_bench.telephones import TrunkLedger, call_copies, is_trunk_ledger, read_trunk

CHANNELS: Final = ("sms", "voice", "tts")
FAULTS: Final = ("lost", "duplicates", "altered")
TWO_CARRIERS: Final = "two carriers"


class Alert(Struct, frozen=True):
    """One alert as posted, and what Klaroen says of it."""

    posted: Mapping[str, Any]
    status: Mapping[str, Any]
    deliveries: Sequence[Mapping[str, Any]]


class Double(Struct, frozen=True):
    """A copy by the same channel as one before it."""

    carrier: str
    first_at_ms: int


class Verdict(Struct, frozen=True):
    alerts: int
    deliveries: int
    copies: int
    faults: Mapping[str, int]
    """Of `FAULTS`, and `strays`: nought each, or something is wrong."""
    late_proofs: int
    """Members whom a second channel was tried for though the first had reached them: its proof, dated by the carrier,
    found nobody at home and came again after the step's time."""
    announced: int
    """Copies beyond what there should be, each excused by a mark that was there before it left."""
    possible: int
    """Attempts that were so marked: what may have come twice, and mostly did not."""
    possible_at_ms: tuple[int, ...]
    doubles: tuple[Double, ...]
    offenders: Mapping[str, tuple[str, ...]]
    """By fault, `alert/member` of some."""

    @property
    def sound(self) -> bool:
        return not any(self.faults.values())


def audit_all(register: Register, alerts: Mapping[str, Alert], ledgers: Iterable[Path], clips: Path) -> Verdict:
    """Audit every alert. Raises AuditError or LedgerError where it cannot be judged."""
    ledgers = list(ledgers)
    trunks = [read_trunk(path) for path in ledgers if is_trunk_ledger(path)]
    copies, strays = _by_alert(alerts, [path for path in ledgers if not is_trunk_ledger(path)])
    strays += _add_calls(copies, alerts, trunks, clips)
    faults: Counter[str] = Counter(dict.fromkeys(FAULTS, 0))
    offenders: dict[str, list[str]] = defaultdict(list)
    announced = possible = late_proofs = 0
    for name, alert in alerts.items():
        report = audit(register, alert.posted, alert.status, alert.deliveries, copies[name], carrier_channels=CHANNELS)
        faults.update({fault: getattr(report, fault) for fault in FAULTS})
        strays += report.strays
        announced += report.doubled_as_announced
        possible += report.possible_duplicates
        late_proofs += report.escalated_after_proof
        for fault, members in report.offenders.items():
            if fault in FAULTS:
                offenders[fault] += [f"{name}/{member}" for member in members]
    return Verdict(
        alerts=len(alerts),
        deliveries=sum(len(alert.deliveries) for alert in alerts.values()),
        copies=sum(map(len, copies.values())),
        faults={**faults, "strays": strays},
        late_proofs=late_proofs,
        announced=announced,
        possible=possible,
        possible_at_ms=tuple(sorted(_marked_at_ms(alerts.values()))),
        doubles=tuple(double for some in copies.values() for double in find_doubles(some)),
        offenders={fault: tuple(members[:10]) for fault, members in offenders.items()},
    )


def _by_alert(alerts: Mapping[str, Alert], ledgers: Iterable[Path]) -> tuple[dict[str, list[Copy]], int]:
    """Return the messages of each alert by their text, and how many have nobody's."""
    owner = {content["text"]: name for name, one in alerts.items() for content in one.posted["content"].values()}
    copies: dict[str, list[Copy]] = {name: [] for name in alerts}
    strays = 0
    for copy in chain.from_iterable(read_copies(path)[0] for path in ledgers):
        name = owner.get(copy.text) if copy.text is not None else None
        if name is None:
            strays += 1
        else:
            copies[name].append(copy)
    return copies, strays


def _add_calls(
    copies: Mapping[str, list[Copy]], alerts: Mapping[str, Alert], trunks: Sequence[TrunkLedger], clips: Path
) -> int:
    """Add each alert's calls, judged by what they were to play; return how many answered ones are of no attempt."""
    owner = {
        attempt["id"]: name
        for name, alert in alerts.items()
        for delivery in alert.deliveries
        for attempt in delivery["attempts"]
    }
    strays = 0
    for trunk in trunks:
        calls = defaultdict(list)
        for number, record in trunk.calls:
            calls[owner.get(record.call, "")].append((number, record))
        strays += sum(bool(record.answered_at) for _, record in calls.pop("", ()))
        for name, own in calls.items():
            with tempfile.TemporaryDirectory() as shelf:
                _link_clips(clips, Path(shelf), alerts[name])
                spoken = read_spoken(Path(shelf), alerts[name].posted, alerts[name].deliveries)
            copies[name].extend(call_copies(msgspec.structs.replace(trunk, calls=tuple(own)), spoken))
    return strays


def _link_clips(clips: Path, shelf: Path, alert: Alert) -> None:
    """Put the clips that the alert's calls were to play on a shelf of their own: any other would be another's text."""
    for delivery in alert.deliveries:
        for attempt in delivery["attempts"]:
            name = (attempt.get("call") or {}).get("clip_sha256")
            if name and not (shelf / f"{name}.alaw").exists():
                (shelf / f"{name}.alaw").symlink_to(clips / f"{name}.alaw")


def _marked_at_ms(alerts: Iterable[Alert]) -> Iterable[int]:
    for alert in alerts:
        for delivery in alert.deliveries:
            for attempt in delivery["attempts"]:
                if attempt["possible_duplicate"] and attempt["submitted_at"]:
                    yield instant_ms(attempt["submitted_at"])


def find_doubles(copies: Iterable[Copy]) -> list[Double]:
    """Return each copy at a number that is not the first of its channel; a call counts where it was heard whole."""
    first: dict[tuple[str, str], Copy] = {}
    doubles = []
    for copy in sorted(copies, key=lambda copy: copy.at_ms):
        if not copy.whole:
            continue
        earlier = first.setdefault((copy.number, "sms" if copy.channel == "sms" else "call"), copy)
        if earlier is not copy:
            carrier = copy.carrier if copy.carrier == earlier.carrier else TWO_CARRIERS
            doubles.append(Double(carrier, earlier.at_ms))
    return doubles


def next_index(at_ms: int, instants_ms: Sequence[int]) -> int:
    """Return which of these ascending instants is the first at or after one, the last if none is."""
    return min(bisect_left(instants_ms, at_ms), len(instants_ms) - 1)


def instant_ms(written: str) -> int:
    return round(datetime.fromisoformat(written).timestamp() * 1000)
