"""The members of the seeded country, as the rows of members.csv, with the shares that the demo reports.

Law: at every hour of the week the first choice is sms for 93 %, tts for 4 %, voice for 1 % of those with an active
membership; 2 % have nothing but a mail address, which no urgent plan can use. Numbers are unique to each member.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from klaroen_bench.country_networks import Place
from klaroen_bench.country_people import full_name, landline, mobile

COLUMNS: Final = (
    *("member_id", "network_id", "name", "language", "mobile", "landline", "email", "whatsapp"),
    *("preference", "status", "adult", "house_rules"),
)
First = Literal["sms", "tts", "voice", "unreachable"]
SHARES: Final[dict[First, float]] = {"unreachable": 0.02, "voice": 0.01, "tts": 0.04}
"""Of those with an active membership; the rest have sms first."""

TWO_NETWORKS_SHARE: Final = 0.03
SUSPENDED_SHARE: Final = 0.01
REMOVED_SHARE: Final = 0.005


class Person(NamedTuple):
    id: str
    memberships: list[tuple[int, str]]
    """(index of the network, status), the home network first."""

    @property
    def active(self) -> bool:
        return any(status == "active" for _, status in self.memberships)


def member_id(index: int) -> str:
    return f"M{index + 1:06}"


def make_people(places: Sequence[Place], sizes: Sequence[int], seed: int) -> list[Person]:
    """Return everybody, network by network; some belong to the network beside theirs as well."""
    rng = random.Random(f"people {seed}")
    people: list[Person] = []
    for home, size in enumerate(sizes):
        for _ in range(size):
            memberships = [(home, _draw_status(rng))]
            if len(places) > 1 and rng.random() < TWO_NETWORKS_SHARE:
                beside = home + 1 if home + 1 < len(places) else home - 1
                memberships.append((beside, _draw_status(rng)))
            people.append(Person(member_id(len(people)), memberships))
    return people


def _draw_status(rng: random.Random) -> str:
    draw = rng.random()
    if draw < SUSPENDED_SHARE:
        return "suspended"
    return "removed" if draw < SUSPENDED_SHARE + REMOVED_SHARE else "active"


def allot_first(people: Sequence[Person], seed: int) -> list[First]:
    """Return each person's first choice: the shares are exact among the active, to the nearest person."""
    rng = random.Random(f"first {seed}")
    first: list[First] = ["sms"] * len(people)
    active = [index for index, person in enumerate(people) if person.active]
    rng.shuffle(active)
    begin = 0
    for choice, share in SHARES.items():
        end = begin + round(share * len(active))
        for index in active[begin:end]:
            first[index] = choice
        begin = end
    return first


def make_rows(
    people: Sequence[Person], first: Sequence[First], places: Sequence[Place], seed: int
) -> Iterator[tuple[str, ...]]:
    """Yield a row a membership, in the order of COLUMNS."""
    rng = random.Random(f"rows {seed}")
    for index, (person, choice) in enumerate(zip(people, first, strict=True)):
        home = places[person.memberships[0][0]]
        town = home.municipality
        calls_first = any(places[network].shape.calls_first for network, _ in person.memberships)
        addresses = _addresses(rng, index, choice, home)
        name = full_name(rng)
        language = "" if town.region == "Vlaanderen" else rng.choice(town.languages)  # R16: not recorded there
        preference = _preference(rng, choice, calls_first=calls_first)
        for network, status in person.memberships:
            yield (person.id, places[network].id, name, language, *addresses, preference, status, "true", "true")


def _addresses(rng: random.Random, index: int, choice: First, home: Place) -> tuple[str, str, str, str]:
    """Return mobile, landline, e-mail and WhatsApp."""
    email = f"lid{index + 1}@example.be"
    if choice == "unreachable":
        return "", "", email, ""
    by_mobile = choice == "sms" or rng.random() < 0.6
    by_landline = not by_mobile or rng.random() < 0.2
    number = mobile(index) if by_mobile else ""
    return (
        number,
        landline(home.municipality.province, index) if by_landline else "",
        email if rng.random() < 0.6 else "",
        number if home.kind != "residents" and rng.random() < 0.3 else "",
    )


def _preference(rng: random.Random, choice: First, *, calls_first: bool) -> str:
    if choice == "tts":
        return rng.choice(("tts", "tts>sms", "tts>voice"))
    if choice == "voice":
        return rng.choice(("voice", "voice>tts", "voice>sms"))
    if choice == "sms" and (calls_first or rng.random() < 0.1):
        return rng.choice(("sms", "sms>tts"))
    return ""
