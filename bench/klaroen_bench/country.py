"""The seeded country: 1,059 networks with 100,000 members, as the three files that `klaroen register import` takes.

Law: the same seed makes the same bytes. Real municipalities and police zones, invented people.
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from klaroen_bench.country_members import COLUMNS, allot_first, make_people, make_rows, member_id
from klaroen_bench.country_networks import apportion, make_network, make_places, make_zones


class CountryFacts(NamedTuple):
    """What the files hold, told by who made them: an audit needs no second look."""

    zones: int
    networks: int
    members: int
    memberships: int
    active: int
    """Members with an active membership."""
    first: Mapping[str, int]
    """How many of the active have each first choice, at every hour; "unreachable" among them."""
    zones_file: Path
    networks_file: Path
    members_file: Path


def make_country(directory: Path, members: int = 100_000, networks: int = 1_059, seed: int = 1) -> CountryFacts:
    """Write zones.jsonl, networks.jsonl and members.csv into `directory`, and return what they hold."""
    directory.mkdir(parents=True, exist_ok=True)
    places = make_places(networks, seed)
    sizes = apportion(members, [place.weight for place in places])
    people = make_people(places, sizes, seed)
    first = allot_first(people, seed)
    zones = make_zones(places, reserved=members)
    zones_file, networks_file = directory / "zones.jsonl", directory / "networks.jsonl"
    members_file = directory / "members.csv"
    _write_lines(zones_file, zones)
    entries = []
    begin = 0
    for index, (place, size) in enumerate(zip(places, sizes, strict=True)):
        entries.append(make_network(place, index, member_id(begin) if size else None, members, seed))
        begin += size
    _write_lines(networks_file, entries)
    rows = [",".join(row) for row in make_rows(people, first, places, seed)]
    members_file.write_bytes("\r\n".join((",".join(COLUMNS), *rows, "")).encode())
    active = [choice for person, choice in zip(people, first, strict=True) if person.active]
    return CountryFacts(
        len(zones), networks, members, len(rows), len(active), Counter(active), zones_file, networks_file, members_file
    )


def _write_lines(file: Path, entries: list[dict[str, object]]) -> None:
    file.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m klaroen_bench.country", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--networks", type=int, default=1_059)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    facts = make_country(asked.directory, asked.members, asked.networks, asked.seed)
    print(json.dumps(facts._asdict(), default=str))  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
