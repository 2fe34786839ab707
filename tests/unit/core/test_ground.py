"""Whom an alert concerns: from the register to an audience, once a person."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.core.batches import ACCEPTED_AT, make_plan

from klaroen.core.audience import Audience, Kind
from klaroen.core.ground import Ground, Region, Territory, gather, locate, make_regions, narrowed
from klaroen.core.model import (
    CHANNELS,
    Area,
    Instant,
    Language,
    Levels,
    Network,
    NetworkId,
    Plan,
    Window,
    ZoneId,
)
from klaroen.core.plan import CompiledPlan, Offer, address_mask
from klaroen.core.snapshot import Cohort

ALL = frozenset(CHANNELS)
EVERYTHING = Offer(ALL, ALL, ALL)
ALWAYS = make_plan(Window("00:00", "24:00", ("sms", "tts")))
BY_DAY = make_plan(Window("08:00", "20:00", ("sms",)), Window("20:00", "08:00", ("tts",)))
NIGHT, DAY = ACCEPTED_AT, Instant(ACCEPTED_AT + 9 * 3_600_000)
MOBILE, LANDLINE = address_mask(["mobile"]), address_mask(["landline"])
ONE, TWO, THREE = NetworkId("BIN-1"), NetworkId("BIN-2"), NetworkId("BIN-3")


def cohort(
    *networks: NetworkId, members: tuple[int, ...], addresses: int = MOBILE, language: Language | None = None
) -> Cohort:
    return Cohort(networks, (), addresses, language, array("I", members).tobytes())


def territory(*, plan: CompiledPlan = ALWAYS, languages: tuple[Language, ...] = ("nl",)) -> Territory:
    return Territory(plan.urgent, plan.non_urgent, languages, "network")


def audience_of(
    cohorts: list[Cohort],
    targeted: dict[NetworkId, Territory],
    *,
    languages: tuple[Language, ...] = ("nl", "fr"),
    offer: Offer = EVERYTHING,
    at: Instant = DAY,
) -> Audience:
    regions = make_regions(cohorts)
    ground = Ground(regions.kinds, locate(regions.regions, list(targeted)), list(targeted.values()))
    return gather(ground, languages, offer, True, at)


# --- whom ------------------------------------------------------------------------------------------------------------


def test_R04_everybody_active_in_a_targeted_network_is_in_it() -> None:
    """A cohort names the networks in which its members are active: whoever has none of those targeted is left out."""
    cohorts = [cohort(ONE, members=(1, 2)), cohort(TWO, members=(3,)), cohort(THREE, members=(4,))]
    audience = audience_of(cohorts, {ONE: territory(), THREE: territory()})
    assert [1, 2, 4] == list(audience.members)
    assert [(0,), (0,), (1,)] == [audience.group(delivery).networks for delivery in range(len(audience))]


def test_R04_suspended_in_one_network_means_reached_through_the_other() -> None:
    audience = audience_of([cohort(TWO, members=(7,))], {ONE: territory(), TWO: territory()})
    assert [7] == list(audience.members)


def test_R05_a_person_in_several_networks_is_one_delivery_that_lists_them() -> None:
    cohorts = [cohort(ONE, members=(1,)), cohort(ONE, TWO, THREE, members=(2,)), cohort(TWO, members=(3,))]
    audience = audience_of(cohorts, {ONE: territory(), TWO: territory()})
    assert [1, 2, 3] == sorted(audience.members)
    assert (0, 1) == audience.group(list(audience.members).index(2)).networks


def test_R05_the_channels_of_all_targeted_networks_are_open() -> None:
    """Each judged under its own plan: what one leaves out at this hour the other may permit."""
    by_sms, by_call = make_plan(Window("00:00", "24:00", ("sms",))), make_plan(Window("00:00", "24:00", ("tts",)))
    targeted = {ONE: territory(plan=by_sms), TWO: territory(plan=by_call)}
    people = [
        cohort(ONE, members=(1,), addresses=LANDLINE),
        cohort(ONE, TWO, members=(2,), addresses=LANDLINE),
    ]
    audience = audience_of(people, targeted)
    assert ["no_address", None] == [audience.group(delivery).reason for delivery in (0, 1)]


def test_R14_the_plan_of_the_hour_decides_who_can_be_reached() -> None:
    people = [cohort(ONE, members=(1, 2), addresses=MOBILE), cohort(ONE, members=(3,), addresses=LANDLINE)]
    targeted = {ONE: territory(plan=BY_DAY)}
    assert {"no_address": 1} == audience_of(people, targeted, at=DAY).unreachable
    assert {} == audience_of(people, targeted, at=NIGHT).unreachable


@pytest.mark.parametrize(
    ("offer", "addresses", "expected"),
    [
        (EVERYTHING, 0, "no_address"),
        (Offer(frozenset({"email"}), ALL, ALL), MOBILE, "no_channel"),
        (Offer(ALL, frozenset(), ALL), MOBILE, "no_content"),
        (Offer(ALL, ALL, frozenset()), MOBILE, "no_carrier"),
    ],
)
def test_who_cannot_be_reached_is_in_it_with_the_reason(offer: Offer, addresses: int, expected: str) -> None:
    people = [cohort(ONE, members=(1, 2), addresses=addresses), cohort(TWO, members=(3,), addresses=addresses)]
    audience = audience_of(people, {ONE: territory(), TWO: territory()}, offer=offer)
    assert {expected: 3} == audience.unreachable
    assert [(0, 2, expected), (2, 3, expected)] == audience.unreachable_spans


def test_what_was_judged_for_one_network_holds_for_others_with_its_plan() -> None:
    """A country's plans come in a handful of shapes; a kind that is new among known ones is judged on its own."""
    people = [
        cohort(ONE, members=(1,), addresses=MOBILE),
        cohort(TWO, members=(2,), addresses=MOBILE),
        cohort(TWO, members=(3,), addresses=0),
    ]
    audience = audience_of(people, {ONE: territory(), TWO: territory()})
    assert [None, None, "no_address"] == [audience.group(delivery).reason for delivery in range(3)]


# --- languages -------------------------------------------------------------------------------------------------------


def test_R16_the_networks_language_is_chosen_and_fallbacks_are_counted() -> None:
    """Those who cannot be reached at all fall back to nothing."""
    people = [
        cohort(ONE, members=(1,)),
        cohort(TWO, members=(2, 3), language="nl"),
        cohort(TWO, members=(4,), addresses=0),
        cohort(ONE, TWO, members=(5,)),
    ]
    targeted = {ONE: territory(languages=("fr",)), TWO: territory(languages=("de",))}
    audience = audience_of(people, targeted, languages=("nl", "fr"))
    languages = {audience.members[delivery]: audience.group(delivery).language for delivery in range(len(audience))}
    assert {1: "fr", 2: "nl", 3: "nl", 4: "nl", 5: "fr"} == languages
    assert audience.fallbacks == 2


def test_R16_the_member_chooses_where_the_network_lets_him() -> None:
    targeted = {ONE: Territory(ALWAYS.urgent, ALWAYS.non_urgent, ("nl",), "member")}
    people = [cohort(ONE, members=(1,), language="fr"), cohort(ONE, members=(2,), language=None)]
    audience = audience_of(people, targeted)
    assert ["fr", "nl"] == [audience.group(delivery).language for delivery in (0, 1)]
    assert audience.fallbacks == 0


# --- shape -----------------------------------------------------------------------------------------------------------


def test_regions_hold_every_cohort_once() -> None:
    """Grouped by networks and language, kinds numbered as they come."""
    regions = make_regions(
        [cohort(ONE, members=(1,)), cohort(TWO, members=(2,)), cohort(ONE, members=(3, 4), addresses=LANDLINE)]
    )
    assert (Kind((), MOBILE), Kind((), LANDLINE)) == regions.kinds
    first = Region((ONE,), None, (0, 1), (1, 2), array("I", [1, 3, 4]).tobytes())
    assert (first, Region((TWO,), None, (0,), (1,), array("I", [2]).tobytes())) == regions.regions


def test_R01_who_is_in_no_network_but_these_is_found() -> None:
    """Somebody in another network of the alert as well is not among them."""
    cohorts = [cohort(ONE, members=(1, 2)), cohort(ONE, TWO, members=(3,)), cohort(TWO, members=(4, 5, 6))]
    audience = audience_of(cohorts, {ONE: territory(), TWO: territory()})
    assert [(0, 2)] == list(audience.within(frozenset({0})))
    assert [(0, 2), (2, 3), (3, 6)] == list(audience.within(frozenset({0, 1})))
    assert [] == list(audience.within(frozenset()))


def test_nobody_is_an_audience() -> None:
    audience = audience_of([], {})
    assert (0, {}, 0) == (len(audience), audience.unreachable, audience.fallbacks)


def test_networks_that_planning_cannot_tell_apart_are_one_territory() -> None:
    """Told by identity: equal ones that are two objects cost more, and come to the same."""
    by_day, same, always = territory(plan=BY_DAY), territory(plan=BY_DAY), territory()
    people = [cohort(ONE, TWO, members=(1,)), cohort(THREE, members=(2,)), cohort(TWO, members=(3,), language="fr")]
    regions = make_regions(people)
    for third, expected in ((by_day, 2), (same, 3)):
        ground = Ground(regions.kinds, locate(regions.regions, (ONE, TWO, THREE)), (by_day, always, third))
        assert (expected, 3, [0, 1, 2]) == (len(ground.territories), len(ground.outlooks), list(ground.outlooks_of))
        audience = gather(ground, ("nl",), EVERYTHING, True, DAY)
        assert [1, 2, 3] == list(audience.members)


@given(cohorts=st.lists(st.integers(1, 5), max_size=6), to=st.frozensets(st.integers(0, 30)))
def test_a_narrowed_region_has_exactly_these_people(cohorts: list[int], to: frozenset[int]) -> None:
    """In their order, each with what is known of him; cohorts that lose everybody go."""
    members = array("I", range(sum(cohorts)))
    region = Region((ONE,), None, tuple(range(len(cohorts))), tuple(cohorts), members.tobytes())
    kind_of = {member: kind for kind, member in zip(
        [kind for kind, count in enumerate(cohorts) for _ in range(count)], members, strict=True)}  # fmt: skip
    less = narrowed(region, to, without=False)
    kept = array("I", less.members).tolist()
    assert [member for member in members if member in to] == kept
    assert [kind_of[member] for member in kept] == [
        kind for kind, count in zip(less.kinds, less.counts, strict=True) for _ in range(count)
    ]
    assert 0 not in less.counts
    assert region.networks == less.networks
    rest = narrowed(region, to, without=True)
    assert sorted(kept + array("I", rest.members).tolist()) == members.tolist()


def test_a_ground_of_some_people_and_of_all_but_them_are_the_whole() -> None:
    regions = make_regions(
        [cohort(ONE, members=(1, 2)), cohort(ONE, members=(3,), addresses=0), cohort(TWO, members=(4,))]
    )
    ground = Ground(regions.kinds, locate(regions.regions, (ONE, TWO)), (territory(), territory()))
    some, rest = ground.among(frozenset({2, 3, 9})), ground.among(frozenset({2, 3, 9}), without=True)
    assert ([2, 3], [1, 4]) == (list(some.layout.members), list(rest.layout.members))
    assert rest.places[1][0] is ground.places[1][0], "where none of them is, nothing is made anew"
    judged = [gather(one, ("nl",), EVERYTHING, True, DAY) for one in (some, rest)]
    assert [{"no_address": 1}, {}] == [one.unreachable for one in judged]


def test_others_stand_before_the_people_of_a_ground() -> None:
    """Coordinators, with kinds of their own behind those known."""
    regions = make_regions([cohort(ONE, members=(1,))])
    ground = Ground(regions.kinds, locate(regions.regions, (ONE,)), (territory(),))
    first = Region((ONE,), None, (1,), (1,), array("I", [7]).tobytes())
    behind = ground.behind((*ground.kinds, Kind(("tts",), LANDLINE)), [(first, (0,))])
    audience = gather(behind, ("nl",), EVERYTHING, True, NIGHT)
    assert [(7, ("tts",)), (1, ())] == [(audience.members[d], audience.group(d).preference) for d in range(2)]


def test_a_territory_is_what_planning_asks_of_a_network() -> None:
    assert Territory(BY_DAY.urgent, BY_DAY.non_urgent, ("nl", "fr"), "network") == Territory.of(_network(ONE), BY_DAY)


def _network(name: NetworkId) -> Network:
    return Network(
        id=name,
        name="Kerkstraat",
        kind="residents",
        zone=ZoneId("Z1"),
        municipality="Aalst",
        province="Oost-Vlaanderen",
        region="Vlaanderen",
        languages=("nl", "fr"),
        recognised_on="2020-01-01",
        area=Area(),
        coordinators=(),
        officers=(),
        mayor="M",
        members_at_signing=10,
        levels=Levels(),
        plans=(Plan(1, "2020-01-01", (), ()),),
        evaluation_months=12,
    )
