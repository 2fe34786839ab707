"""Who got more than there should be: copies beyond the attempts, two by one channel, a second channel after proof.

Law: each time that Klaroen has announced a possible duplicate excuses one copy beyond; a household, whose members
share a number, is judged together (R5). A call that was answered counts among the attempts, however little was heard;
a copy by its channel is only what was heard whole.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from klaroen_bench.audience import CALLS, Wanted
from klaroen_bench.copies import Copy
from klaroen_bench.faults import Faults

PROOF_MS: Final = 200
"""A step that left within this of its member's proof could no longer be stopped (the contract's for cancel)."""


def households(by_number: Mapping[str, Sequence[str]]) -> dict[str, str]:
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


def judge_doubles(
    people: Mapping[str, Wanted],
    by_member: Mapping[str, Mapping[str, Any]],
    got: Mapping[str, Sequence[Copy]],
    households: Mapping[str, str],
    faults: Faults,
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
        beyond = max(
            len(copies) - len(attempts),
            sum(bool(copy.call) for copy in copies.values()) - _calls(attempts.values()),
            len(_twice_by_one_channel([got[member] for member in members])),
        )
        if beyond > 0:
            announced = sum(int(attempt["repeats"]) for attempt in attempts.values())
            excused = min(beyond, announced)
            faults.counts["doubled_as_announced"] += excused
            if beyond > excused:
                faults.add("duplicates", members[0], beyond - excused)


def _calls(attempts: Iterable[Mapping[str, Any]]) -> int:
    return sum(attempt["channel"] in CALLS for attempt in attempts)


def _twice_by_one_channel(by_member: Sequence[Sequence[Copy]]) -> set[int]:
    """Return each copy that is not the first of its channel for some member."""
    twice: set[int] = set()
    for copies in by_member:
        channels: set[str] = set()
        for copy in sorted(filter(_is_whole, copies), key=lambda copy: copy.at_ms):
            if copy.channel in channels:
                twice.add(id(copy))
            channels.add(copy.channel)
    return twice


def _judge_escalation(
    member: str, copies: Sequence[Copy], attempts: Sequence[Mapping[str, Any]], faults: Faults
) -> None:
    """A second channel's copy after the first arrived: without proof it had to be sent, with proof it had not."""
    if len({copy.channel for copy in copies if copy.whole}) < 2:
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


def _is_whole(copy: Copy) -> bool:
    return copy.whole
