"""The audit of one alert: was anything lost, doubled or altered?

Law: it imports nothing of the engine or its adapters. It holds the register's files, the alert as posted and the raw
ledgers against what Klaroen says, and takes Klaroen's word only for what Klaroen did: its states and its attempts.
Definitions as the contract has them. *lost*: a targeted, active, reachable member in no end state, or `reached`
without a copy. *duplicates*: more copies than attempts reported, or two copies by one channel. *altered*: another text
at the handset than was posted in a language that applies.
"""

import json
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from klaroen_bench.audience import AuditError, Register, Wanted, read_register, targeted, wanted
from klaroen_bench.copies import Copy, read_copies

OFFENDERS_MAX: Final = 5
"""Members named for each fault: enough to look into, too few to be a list of people."""
FINAL: Final = frozenset({"done", "cancelled", "superseded", "expired"})
END: Final = frozenset({"reached", "failed", "expired", "cancelled"})
CLOCKS_MS: Final = 1000
"""A copy that is older than the alert by more than this belongs to another."""
PROOF_MS: Final = 200
"""A step that left within this of its member's proof could no longer be stopped (the contract's for cancel)."""
ALL_CHANNELS: Final = frozenset({"sms", "voice", "tts", "email", "whatsapp"})


class Report(msgspec.Struct, frozen=True):
    members: int
    """Targeted and active."""
    reachable: int
    copies: int
    lost: int
    duplicates: int
    altered: int
    escalated_after_arrival: int
    """Members who got a second channel's copy after a first, whose proof had not come."""
    escalated_after_proof: int
    """The same, though the proof had come: never to happen."""
    possible_duplicates: int
    """Attempts that Klaroen itself marked so."""
    doubled_as_announced: int
    """Copies beyond, each excused by such a mark."""
    strays: int
    """Copies at numbers of nobody whom the alert targets."""
    offenders: Mapping[str, tuple[str, ...]]
    """By fault, the first members found, by id."""

    @property
    def sound(self) -> bool:
        return not (self.lost or self.duplicates or self.altered or self.escalated_after_proof)


class _Faults:
    def __init__(self) -> None:
        self.counts: dict[str, int] = defaultdict(int)
        self.offenders: dict[str, list[str]] = defaultdict(list)

    def add(self, fault: str, member: str, count: int = 1) -> None:
        self.counts[fault] += count
        if len(self.offenders[fault]) < OFFENDERS_MAX and member not in self.offenders[fault]:
            self.offenders[fault].append(member)


def audit(
    register: Register,
    alert: Mapping[str, Any],
    status: Mapping[str, Any],
    deliveries: Iterable[Mapping[str, Any]],
    copies: Iterable[Copy],
    *,
    carrier_channels: Collection[str] = ALL_CHANNELS,
    scope_zones: Collection[str] | None = None,
    other_texts: Collection[str] = (),
) -> Report:
    """Audit one alert.

    `alert` is the body as posted; `status` and `deliveries` are the API's answers; `carrier_channels` those for which
    a carrier is configured; `scope_zones` those of the token that posted; `other_texts` were posted by other alerts
    whose copies are in the same ledgers.

    Raises AuditError if the alert cannot be judged.
    """
    accepted_at, expires_at = (datetime.fromisoformat(status[key]) for key in ("accepted_at", "expires_at"))
    networks = targeted(register, alert["targets"], scope_zones)
    people = wanted(register, networks, alert, accepted_at, expires_at, carrier_channels)
    by_member = _by_member(deliveries)
    texts = {language: content["text"] for language, content in alert.get("content", {}).items()}
    others = frozenset(other_texts) - frozenset(texts.values())
    since_ms = round(accepted_at.timestamp() * 1000) - CLOCKS_MS
    ours = [copy for copy in copies if copy.at_ms >= since_ms and copy.text not in others]
    by_number: dict[str, list[str]] = defaultdict(list)
    for member, one in people.items():
        for number in one.person.numbers:
            by_number[number].append(member)
    got: dict[str, list[Copy]] = defaultdict(list)
    strays = 0
    for copy in ours:
        holders = by_number.get(copy.number, ())
        strays += not holders
        for member in holders:
            got[member].append(copy)
    faults = _Faults()
    _judge_lost(people, by_member, got, faults, final=status["state"] in FINAL)
    _judge_altered(people, got, texts, register, faults)
    _judge_doubles(people, by_member, got, _households(by_number), faults)
    return Report(
        members=len(people),
        reachable=sum(bool(one.channels_later) for one in people.values()),
        copies=len(ours),
        lost=faults.counts["lost"],
        duplicates=faults.counts["duplicates"],
        altered=faults.counts["altered"],
        escalated_after_arrival=faults.counts["escalated_after_arrival"],
        escalated_after_proof=faults.counts["escalated_after_proof"],
        possible_duplicates=sum(
            bool(attempt["possible_duplicate"]) for one in by_member.values() for attempt in one["attempts"]
        ),
        doubled_as_announced=faults.counts["doubled_as_announced"],
        strays=strays,
        offenders={fault: tuple(members) for fault, members in faults.offenders.items()},
    )


def _by_member(deliveries: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    by_member: dict[str, Mapping[str, Any]] = {}
    for delivery in deliveries:
        if by_member.setdefault(delivery["member"], delivery) is not delivery:
            raise AuditError(f"member {delivery['member']} has two deliveries of one alert")
    return by_member


def _judge_lost(
    people: Mapping[str, Wanted],
    by_member: Mapping[str, Mapping[str, Any]],
    got: Mapping[str, Sequence[Copy]],
    faults: _Faults,
    *,
    final: bool,
) -> None:
    end = END | {"handed_over"} if final else END
    for member, one in people.items():
        delivery = by_member.get(member)
        state = None if delivery is None else delivery["state"]
        if state not in end:
            # Who can be reached only at a later hour may be called unreachable, but not be passed over.
            excused = not one.channels_later or (not one.channels and state == "unreachable")
            if not excused:
                faults.add("lost", member)
        elif state == "reached":
            assert delivery is not None
            proved = {attempt["channel"] for attempt in delivery["attempts"] if attempt["state"] == "reached"}
            copies = got.get(member, ())
            if not copies or (proved and not any(copy.channel in proved for copy in copies)):
                faults.add("lost", member)


def _judge_altered(
    people: Mapping[str, Wanted],
    got: Mapping[str, Sequence[Copy]],
    texts: Mapping[str, str],
    register: Register,
    faults: _Faults,
) -> None:
    applying: dict[tuple[tuple[str, ...], str], frozenset[str]] = {}
    for member, copies in got.items():
        one = people[member]
        key = (one.networks, one.person.language)
        if key not in applying:
            applying[key] = _applying(texts, [register.networks[network] for network in one.networks], key[1])
        for copy in copies:
            if copy.text not in applying[key]:
                faults.add("altered", member)


def _applying(texts: Mapping[str, str], networks: Sequence[Mapping[str, Any]], language: str) -> frozenset[str]:
    """Return the texts that a member of these networks may get (R16): of any of them, in a language of it."""
    apply: set[str] = set()
    for network in networks:
        languages = list(network["languages"])
        if network.get("language_choice") == "member" and language:
            languages.append(language)
        if len(network["languages"]) > 1:
            languages.append("mul")
        found = {texts[one] for one in languages if one in texts}
        # Nobody is left out: without a version in a language of the network, the first that was posted.
        apply |= found or set(list(texts.values())[:1])
    return frozenset(apply)


def _households(by_number: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return, for members who share numbers (R5), the one who stands for them all."""
    head: dict[str, str] = {}

    def find(member: str) -> str:
        while head.get(member, member) != member:
            member = head[member]
        return member

    for members in by_number.values():
        for member in members[1:]:
            first, second = sorted((find(members[0]), find(member)))
            head[first], head[second] = first, first
    return {member: find(member) for member in head}


def _judge_doubles(
    people: Mapping[str, Wanted],
    by_member: Mapping[str, Mapping[str, Any]],
    got: Mapping[str, Sequence[Copy]],
    households: Mapping[str, str],
    faults: _Faults,
) -> None:
    houses: dict[str, list[str]] = defaultdict(list)
    for member in people:
        if member in got:
            houses[households.get(member, member)].append(member)
    at_home: dict[str, list[str]] = defaultdict(list)
    for member, head in households.items():
        at_home[head].append(member)
    for head, members in houses.items():
        everybody = at_home.get(head, members)
        attempts = {
            attempt["id"]: attempt
            for member in everybody
            if member in by_member
            for attempt in by_member[member]["attempts"]
        }
        copies = {id(copy): copy for member in members for copy in got[member]}
        if len(copies) > 1:
            for member in members:
                _judge_escalation(member, got[member], list(attempts.values()), faults)
        beyond = max(len(copies) - len(attempts), len(_twice_by_one_channel([got[member] for member in members])))
        if beyond > 0:
            announced = sum(bool(attempt["possible_duplicate"]) for attempt in attempts.values())
            excused = min(beyond, announced)
            faults.counts["doubled_as_announced"] += excused
            if beyond > excused:
                faults.add("duplicates", members[0], beyond - excused)


def _twice_by_one_channel(by_member: Sequence[Sequence[Copy]]) -> set[int]:
    """Return each copy that is not the first of its channel for some member."""
    twice: set[int] = set()
    for copies in by_member:
        channels: set[str] = set()
        for copy in sorted(copies, key=lambda copy: copy.at_ms):
            if copy.channel in channels:
                twice.add(id(copy))
            channels.add(copy.channel)
    return twice


def _judge_escalation(
    member: str, copies: Sequence[Copy], attempts: Sequence[Mapping[str, Any]], faults: _Faults
) -> None:
    """A second channel's copy after the first arrived: without proof it had to be sent, with proof it had not."""
    if len({copy.channel for copy in copies}) < 2:
        return
    faults.add("escalated_after_arrival", member)
    for proof in attempts:
        if proof["state"] != "reached" or not proof.get("receipt_at"):
            continue
        deadline = datetime.fromisoformat(proof["receipt_at"]) + timedelta(milliseconds=PROOF_MS)
        for attempt in attempts:
            later = attempt["channel"] != proof["channel"] and attempt.get("submitted_at")
            if later and datetime.fromisoformat(later) > deadline:
                faults.add("escalated_after_proof", member)
                return


def main() -> int:
    """Audit files: the register's folder, the posted alert, status, deliveries (JSON lines) and the ledgers."""
    parser = ArgumentParser(prog="klaroen_bench.audit")
    parser.add_argument("--register", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--alert", type=Path, required=True)
    parser.add_argument("--status", type=Path, required=True)
    parser.add_argument("--deliveries", type=Path, required=True)
    parser.add_argument("ledgers", type=Path, nargs="+", metavar="LEDGER")
    options = parser.parse_args()
    zones = options.register / "zones.jsonl"
    register = read_register(
        options.register / "members.csv", options.register / "networks.jsonl", zones if zones.exists() else None
    )
    copies: list[Copy] = []
    for ledger in options.ledgers:
        found, truncated_bytes = read_copies(ledger)
        copies += found
        if truncated_bytes:
            sys.stderr.write(f"{ledger}: {truncated_bytes} bytes of a broken-off entry at the end\n")
    report = audit(
        register,
        json.loads(options.alert.read_text()),
        json.loads(options.status.read_text()),
        [json.loads(line) for line in options.deliveries.read_text().splitlines() if line.strip()],
        copies,
    )
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    return 0 if report.sound else 1


if __name__ == "__main__":
    sys.exit(main())
