"""Who ought to be warned, from the register's files alone: targeted, active, reachable.

Law: the engine is not asked. Rules as the circular has them: R1 recognised and not stopped, R4 active in a targeted
network, R10 and R13 no social media where they do not belong, R12 a channel that has content, R14 windows by the
hour. What an auditor cannot judge (areas on a map) he refuses, and says so.
"""

import csv
import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from klaroen_bench.copies import e164

BRUSSELS: Final = ZoneInfo("Europe/Brussels")
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SELECTORS: Final = ("zones", "municipalities", "provinces", "kinds", "streets")
NOT_JUDGED: Final = ("area", "near")
CALLS: Final = frozenset({"voice", "tts"})
_NOT_MOBILE: Final = re.compile(r"32(?!4[5-9]\d{7}$)")
"""A Belgian number that is not a mobile's: no SMS goes there."""


class AuditError(Exception):
    """What was given cannot be audited."""


class Person(Struct, frozen=True, gc=False):
    """A member: numbers as E.164 without "+", memberships as (network, status, house rules accepted)."""

    id: str
    language: str
    mobile: str
    landline: str
    email: str
    whatsapp: str
    memberships: tuple[tuple[str, str, bool], ...]

    @property
    def numbers(self) -> frozenset[str]:
        return frozenset(number for number in (self.mobile, self.landline, self.whatsapp) if number)


class Register(Struct, frozen=True):
    networks: Mapping[str, Mapping[str, Any]]
    people: Mapping[str, Person]
    social_zones: frozenset[str]
    """Zones that support social media."""


class Wanted(Struct, frozen=True, gc=False):
    """A targeted, active member."""

    person: Person
    networks: tuple[str, ...]
    """Those targeted in which the member is active, sorted."""
    channels: frozenset[str]
    """By which the member can be reached at the hour of acceptance."""
    channels_later: frozenset[str]
    """By which the member can be reached at some hour before the alert expires; includes `channels`."""


def read_register(members: Path, networks: Path, zones: Path | None = None) -> Register:
    """Raises AuditError, KeyError or ValueError where a file is not what the contract says."""
    by_id = {row["id"]: row for row in _lines(networks)}
    social = (
        frozenset(row["id"] for row in _lines(zones) if row.get("social_media_supported")) if zones else frozenset()
    )
    return Register(by_id, _read_members(members), social)


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def _read_members(path: Path) -> dict[str, Person]:
    people: dict[str, Person] = {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        column = {name: at for at, name in enumerate(next(rows))}
        member, network, status, house_rules = (
            column[name] for name in ("member_id", "network_id", "status", "house_rules")
        )
        language, mobile, landline, email, whatsapp = (
            column[name] for name in ("language", "mobile", "landline", "email", "whatsapp")
        )
        for row in rows:
            membership = (row[network], row[status], row[house_rules] == "true")
            known = people.get(row[member])
            earlier = () if known is None else known.memberships
            people[row[member]] = Person(
                row[member],
                row[language],
                e164(row[mobile]),
                e164(row[landline]),
                row[email],
                e164(row[whatsapp]),
                (*earlier, membership),
            )
    return people


def targeted(register: Register, targets: Mapping[str, Any], scope_zones: Collection[str] | None = None) -> set[str]:
    """Return the networks that an alert's targets name, in scope, recognised and not stopped (R1).

    Raises AuditError for targets that only a map can judge.
    """
    if any(key in targets for key in NOT_JUDGED):
        raise AuditError("area and near are judged on a map, which the auditor has not: name networks or zones")
    selectors = {key: targets[key] for key in SELECTORS if key in targets}
    named = set(targets.get("networks", ()))
    return {
        network
        for network, row in register.networks.items()
        if row.get("recognised", True)
        and not row.get("stopped", False)
        and (scope_zones is None or row["zone"] in scope_zones)
        and (targets.get("all") or network in named or (selectors and _selected(row, selectors)))
    }


def _selected(row: Mapping[str, Any], selectors: Mapping[str, Any]) -> bool:
    singular = {"zones": "zone", "municipalities": "municipality", "provinces": "province", "kinds": "kind"}
    for key, wanted in selectors.items():
        if key == "streets":
            streets = row.get("area", {}).get("streets", ())
            if not any(s["municipality"] == row["municipality"] and s["street"] in streets for s in wanted):
                return False
        elif row[singular[key]] not in wanted:
            return False
    return True


def wanted(
    register: Register,
    networks: Collection[str],
    alert: Mapping[str, Any],
    accepted_at: datetime,
    expires_at: datetime,
    carrier_channels: Collection[str],
) -> dict[str, Wanted]:
    """Return every active member of these networks, with the channels that reach them, by member id."""
    permitted = _Permitted(register, alert, accepted_at, expires_at, carrier_channels)
    cohort: dict[tuple[tuple[tuple[str, bool], ...], tuple[bool, ...]], tuple[frozenset[str], frozenset[str]]] = {}
    found: dict[str, Wanted] = {}
    for person in register.people.values():
        active = tuple(
            sorted(
                (network, rules)
                for network, status, rules in person.memberships
                if status == "active" and network in networks
            )
        )
        if not active:
            continue
        addressed = _addressed(person)
        key = (active, addressed)
        if key not in cohort:
            open_channels = frozenset(c for c, has in zip(_ADDRESSED, addressed, strict=True) if has)
            cohort[key] = (
                open_channels & _union([permitted.now(network, rules) for network, rules in active]),
                open_channels & _union([permitted.later(network, rules) for network, rules in active]),
            )
        now, later = cohort[key]
        found[person.id] = Wanted(person, tuple(network for network, _ in active), now, later)
    return found


_ADDRESSED: Final = ("sms", "voice", "tts", "email", "whatsapp")


def _addressed(person: Person) -> tuple[bool, ...]:
    """Return for each channel whether the member has an address for it."""
    sms = bool(person.mobile) and not _NOT_MOBILE.match(person.mobile)
    call = bool(person.mobile or person.landline)
    return sms, call, call, bool(person.email), bool(person.whatsapp)


def _union(sets: Sequence[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


class _Permitted:
    """The channels that a network's plan allows an alert, at acceptance and until it expires; each worked out once."""

    def __init__(
        self,
        register: Register,
        alert: Mapping[str, Any],
        accepted_at: datetime,
        expires_at: datetime,
        carrier_channels: Collection[str],
    ) -> None:
        self._register = register
        self._class = alert["class"]
        self._urgent = self._class in ("crisis", "warm") or bool(alert.get("urgent", False))
        content = CALLS if not alert.get("content") else frozenset(_ADDRESSED)
        self._carried = content & frozenset(carrier_channels) & frozenset(alert.get("channels") or _ADDRESSED)
        self._from = accepted_at.astimezone(BRUSSELS)
        self._to = expires_at.astimezone(BRUSSELS)
        self._known: dict[tuple[str, bool, bool], frozenset[str]] = {}

    def now(self, network: str, house_rules: bool) -> frozenset[str]:
        return self._channels(network, house_rules, later=False)

    def later(self, network: str, house_rules: bool) -> frozenset[str]:
        return self._channels(network, house_rules, later=True)

    def _channels(self, network: str, house_rules: bool, *, later: bool) -> frozenset[str]:
        key = (network, house_rules, later)
        if key not in self._known:
            row = self._register.networks[network]
            plan = plan_in_force(row["plans"], self._from.date())
            windows = plan["urgent" if self._urgent else "non_urgent"]
            until = self._to if later else self._from
            allowed = frozenset(
                channel for window in windows if _meets(window, self._from, until) for channel in window["channels"]
            )
            if not self._social(row, plan, house_rules):
                allowed -= {"whatsapp"}
            self._known[key] = allowed & self._carried
        return self._known[key]

    def _social(self, row: Mapping[str, Any], plan: Mapping[str, Any], house_rules: bool) -> bool:
        """R10 and R13."""
        if self._class == "crisis":
            return False
        return not self._urgent or bool(
            row["zone"] in self._register.social_zones
            and plan.get("social_media_supported")
            and row.get("house_rules_social_media")
            and house_rules
            and row["kind"] != "residents"
        )


def plan_in_force(plans: Sequence[Mapping[str, Any]], today: date) -> Mapping[str, Any]:
    """Return the version that holds on a local date (R3): the last that has begun.

    Raises AuditError if none has.
    """
    begun = [plan for plan in plans if date.fromisoformat(plan["valid_from"]) <= today]
    if not begun:
        raise AuditError("a network has no plan in force")
    return max(begun, key=lambda plan: (plan["valid_from"], plan["version"]))


def _meets(window: Mapping[str, Any], start: datetime, end: datetime) -> bool:
    """Return whether a window is open at some time in [start, end], local; it may have begun the day before."""
    day = start.date() - timedelta(days=1)
    while day <= end.date():
        if not window.get("days") or DAYS[day.weekday()] in window["days"]:
            opens = _local(day, window["from"])
            past_midnight = window["to"] <= window["from"]
            closes = _local(day + timedelta(days=1) if past_midnight else day, window["to"])
            if opens <= end and start < closes:
                return True
        day += timedelta(days=1)
    return False


def _local(day: date, clock: str) -> datetime:
    hours, minutes = map(int, clock.split(":"))
    if hours == 24:
        day, hours = day + timedelta(days=1), 0
    return datetime(day.year, day.month, day.day, hours, minutes, tzinfo=BRUSSELS)
