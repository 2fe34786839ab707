"""The seeded country is what the register takes, with the shares that the demo reports."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from klaroen.core.model import Instant
from klaroen.core.plan import CompiledPlan, carries_social_media, compile_plan, make_offer, next_step, version_at
from klaroen.core.snapshot import Snapshot
from klaroen.register.check import check_register
from klaroen.register.files import read_register
from klaroen.register.model import Register
from klaroen.register.snapshot import make_snapshot
from klaroen_bench.country import CountryFacts, make_country
from klaroen_bench.country_networks import apportion, make_places
from klaroen_bench.country_people import landline, mobile
from klaroen_bench.municipalities import MUNICIPALITIES

MONDAY = Instant(1_795_388_400_000)  # 2026-11-23 00:00 in Brussels
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> CountryFacts:
    return make_country(tmp_path_factory.mktemp("country"), members=2_000, networks=42, seed=7)


@pytest.fixture(scope="module")
def register(facts: CountryFacts) -> Register:
    return read_register(facts.zones_file, facts.networks_file, facts.members_file)


def compiled(snapshot: Snapshot, at: Instant) -> dict[str, CompiledPlan]:
    plans = {}
    for network in snapshot.networks.values():
        plan = version_at(network, at)
        social_media = carries_social_media(network, snapshot.zones[network.zone], plan)
        plans[network.id] = compile_plan(plan, social_media=social_media)
    return plans


def first_choices(snapshot: Snapshot, at: Instant) -> Counter[str]:
    offer = make_offer("warm", text=True, recording=False, narrowed=None, carriers=["sms", "voice", "tts", "email"])
    plans = compiled(snapshot, at)
    found: Counter[str] = Counter()
    for cohort in snapshot.cohorts:
        own = [plans[network] for network in cohort.networks]
        step = next_step(own, cohort.preference, cohort.addresses, (), offer.channels, urgent=True, at=at)
        found[step.channel if step else "unreachable"] += cohort.count
    return found


def test_the_register_takes_the_country(facts: CountryFacts, register: Register) -> None:
    assert (42, 2_000) == (len(register.networks), len(register.members))
    assert (facts.zones, facts.memberships) == (len(register.zones), sum(len(m.memberships) for m in register.members))
    numbers = [number for member in register.members for number in (member.mobile, member.landline) if number]
    assert len(numbers) == len(set(numbers)), "each number is one member's"


@pytest.mark.parametrize("hour", range(0, 7 * 24, 5))
def test_the_first_choice_at_every_hour_of_the_week(facts: CountryFacts, register: Register, hour: int) -> None:
    """sms 93 %, tts 4 %, voice 1 %, unreachable 2 % of those with an active membership, and what the facts say."""
    found = first_choices(make_snapshot(1, register), Instant(MONDAY + hour * HOUR_MS))
    assert facts.first == found
    assert facts.active == found.total()
    shares = {choice: round(100 * count / facts.active) for choice, count in found.items()}
    assert {"sms": 93, "tts": 4, "voice": 1, "unreachable": 2} == shares


def test_R06_the_unreachable_are_reported_and_not_refused(facts: CountryFacts, register: Register) -> None:
    unreached = {finding.member for finding in check_register(register, MONDAY) if finding.rule == "R6"}
    assert facts.first["unreachable"] == len(unreached)


def test_the_same_seed_makes_the_same_bytes(facts: CountryFacts, tmp_path: Path) -> None:
    again = make_country(tmp_path / "a", members=2_000, networks=42, seed=7)
    other = make_country(tmp_path / "b", members=2_000, networks=42, seed=8)
    for file in ("zones_file", "networks_file", "members_file"):
        assert getattr(facts, file).read_bytes() == getattr(again, file).read_bytes()
    assert facts.members_file.read_bytes() != other.members_file.read_bytes()


def test_the_country_has_its_regions_in_proportion() -> None:
    places = make_places(1_059, seed=1)
    assert {"Vlaanderen": 875, "Wallonie": 178, "Brussel": 6} == Counter(p.municipality.region for p in places)
    assert {"nl", "fr", "de"} == {place.municipality.languages[0] for place in places}
    assert len(MUNICIPALITIES) == len({town.name for town in MUNICIPALITIES})


@pytest.mark.parametrize(
    ("total", "weights", "shares"), [(10, [1, 1, 1], [4, 3, 3]), (0, [2, 1], [0, 0]), (21, [875, 178, 6], [17, 4, 0])]
)
def test_shares_are_whole_and_sum_up(total: int, weights: list[float], shares: list[int]) -> None:
    assert shares == apportion(total, weights)


def test_no_two_indexes_share_a_number() -> None:
    indexes = [*range(0, 100_000, 7), *range(999_990, 1_000_010), *range(1_999_990, 2_000_010)]
    assert len(indexes) == len({mobile(index) for index in indexes})
    assert all(re.fullmatch(r"\+324[5-9]\d{7}", mobile(index)) for index in indexes)
    assert 50_000 == len({landline("Namur", index) for index in range(50_000)})


def test_one_network_is_a_country_too(tmp_path: Path) -> None:
    facts = make_country(tmp_path, members=3, networks=1, seed=1)
    assert 3 == len(read_register(facts.zones_file, facts.networks_file, facts.members_file).members)


def test_the_command_writes_the_files_and_says_what_they_hold(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "klaroen_bench.country", str(tmp_path), "--members", "30", "--networks", "5"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert '"members": 30' in answer.stdout
    assert (tmp_path / "members.csv").exists()
