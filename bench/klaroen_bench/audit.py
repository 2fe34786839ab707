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
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec

from klaroen_bench.audience import CALLS, AuditError, Register, Wanted, read_register, targeted, wanted
from klaroen_bench.copies import ANY_CALL, Copy, read_copies
from klaroen_bench.doubles import households, judge_doubles
from klaroen_bench.faults import Faults
from klaroen_bench.spoken import SILENT, read_spoken
from klaroen_bench.telephones import call_channels, call_copies, channelled, first_heard, is_trunk_ledger, read_trunk

FINAL: Final = frozenset({"done", "cancelled", "superseded", "expired"})
END: Final = frozenset({"reached", "failed", "expired", "cancelled"})
CLOCKS_MS: Final = 1000
"""A copy that is older than the alert by more than this belongs to another."""
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
    channels = call_channels(by_member.values())
    ours = [channelled(copy, channels) for copy in copies if copy.at_ms >= since_ms and copy.text not in others]
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
    faults = Faults()
    _judge_lost(people, by_member, got, faults, final=status["state"] in FINAL)
    _judge_altered(people, got, texts, register, faults)
    judge_doubles(people, by_member, got, households(by_number), faults)
    return Report(
        members=len(people),
        reachable=sum(bool(one.channels_later) for one in people.values()),
        copies=sum(copy.whole for copy in ours),
        lost=faults.counts["lost"],
        duplicates=faults.counts["duplicates"],
        altered=faults.counts["altered"],
        escalated_after_arrival=faults.counts["escalated_after_arrival"],
        escalated_after_proof=faults.counts["escalated_after_proof"],
        possible_duplicates=sum(int(attempt["repeats"]) for one in by_member.values() for attempt in one["attempts"]),
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
    faults: Faults,
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
            arrived = {copy.channel for copy in got.get(member, ()) if copy.whole}
            if ANY_CALL in arrived:
                arrived |= CALLS
            if not arrived or (proved and not arrived & proved):
                faults.add("lost", member)


def _judge_altered(
    people: Mapping[str, Wanted],
    got: Mapping[str, Sequence[Copy]],
    texts: Mapping[str, str],
    register: Register,
    faults: Faults,
) -> None:
    applying: dict[tuple[tuple[str, ...], str], frozenset[str]] = {}
    for member, copies in got.items():
        one = people[member]
        key = (one.networks, one.person.language)
        if key not in applying:
            applying[key] = _applying(texts, [register.networks[network] for network in one.networks], key[1])
        for copy in copies:
            told_apart = copy.whole or copy.text != ""
            if told_apart and copy.text not in applying[key]:
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


def main() -> int:
    """Audit files: the register's folder, the posted alert, status, deliveries (JSON lines) and the ledgers."""
    parser = ArgumentParser(prog="klaroen_bench.audit")
    parser.add_argument("--register", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--alert", type=Path, required=True)
    parser.add_argument("--status", type=Path, required=True)
    parser.add_argument("--deliveries", type=Path, required=True)
    parser.add_argument("--clips", type=Path, default=None, metavar="FOLDER", help="what calls may have played")
    parser.add_argument("ledgers", type=Path, nargs="+", metavar="LEDGER")
    options = parser.parse_args()
    zones = options.register / "zones.jsonl"
    register = read_register(
        options.register / "members.csv", options.register / "networks.jsonl", zones if zones.exists() else None
    )
    alert, status = json.loads(options.alert.read_text()), json.loads(options.status.read_text())
    deliveries = [json.loads(line) for line in options.deliveries.read_text().splitlines() if line.strip()]
    trunks = {ledger: read_trunk(ledger) for ledger in options.ledgers if is_trunk_ledger(ledger)}
    heard = chain.from_iterable(map(first_heard, trunks.values()))
    spoken = read_spoken(options.clips, alert, deliveries, heard) if options.clips else SILENT
    copies: list[Copy] = []
    for ledger in options.ledgers:
        trunk = trunks.get(ledger)
        found, truncated_bytes = (
            read_copies(ledger) if trunk is None else (call_copies(trunk, spoken), trunk.truncated_bytes)
        )
        copies += found
        if truncated_bytes:
            sys.stderr.write(f"{ledger}: {truncated_bytes} bytes of a broken-off entry at the end\n")
    report = audit(register, alert, status, deliveries, copies)
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    return 0 if report.sound else 1


if __name__ == "__main__":
    sys.exit(main())
