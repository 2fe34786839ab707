"""Whom an alert concerns: once a person, with what planning may know of each."""

from array import array

import pytest
from tests.unit.core.batches import ACCEPTED_AT, make_audience, make_group, make_plan

from klaroen.core.audience import Audience, Kind, Region, Territory, gather, locate, make_regions, territories
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
    return Territory(plan, languages, "network")


def audience_of(
    cohorts: list[Cohort],
    targeted: dict[NetworkId, Territory],
    *,
    languages: tuple[Language, ...] = ("nl", "fr"),
    offer: Offer = EVERYTHING,
    at: Instant = DAY,
) -> Audience:
    regions = make_regions(cohorts)
    places = locate(regions.regions, list(targeted))
    return gather(regions.kinds, places, list(targeted.values()), languages, offer, True, at)


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
    targeted = {ONE: Territory(ALWAYS, ("nl",), "member")}
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


def test_a_delivery_finds_its_group() -> None:
    audience = make_audience(make_group(2), make_group(1, language="fr"), make_group(3, networks=(0, 2)))
    assert (6, [1_000, 1_001, 1_002, 1_003, 1_004, 1_005]) == (len(audience), list(audience.members))
    assert ["nl", "nl", "fr", "nl", "nl", "nl"] == [audience.group(delivery).language for delivery in range(6)]
    assert (0, 2) == audience.group(5).networks


def test_R01_who_is_in_no_network_but_these_is_found() -> None:
    """Somebody in another network of the alert as well is not among them."""
    cohorts = [cohort(ONE, members=(1, 2)), cohort(ONE, TWO, members=(3,)), cohort(TWO, members=(4, 5, 6))]
    audience = audience_of(cohorts, {ONE: territory(), TWO: territory()})
    assert [(0, 2)] == list(audience.within(frozenset({0})))
    assert [(0, 2), (2, 3), (3, 6)] == list(audience.within(frozenset({0, 1})))
    assert [] == list(audience.within(frozenset()))


def test_spans_go_on_from_where_a_group_begins() -> None:
    audience = make_audience(make_group(2), make_group(1), make_group(3))
    assert [(0, 2), (2, 3), (3, 6)] == [(start, end) for start, end, _ in audience.spans_from(0)]
    assert [(3, 6)] == [(start, end) for start, end, _ in audience.spans_from(3)]
    assert [] == list(audience.spans_from(6))


def test_an_audience_comes_back_as_it_was_written() -> None:
    audience = make_audience(make_group(2, reason="no_address"), make_group(1, language="fr", fell_back=True))
    again = Audience.decode(audience.encode())
    assert list(audience.spans_from(0)) == list(again.spans_from(0))
    assert (audience.members, audience.unreachable, audience.fallbacks) == (
        again.members, {"no_address": 2}, 1,
    )  # fmt: skip


def test_groups_that_do_not_sum_to_the_members_are_our_own_fault() -> None:
    with pytest.raises(AssertionError):
        Audience([], [], array("I", [1]).tobytes())


def test_nobody_is_an_audience() -> None:
    audience = audience_of([], {})
    assert (0, {}, 0) == (len(audience), audience.unreachable, audience.fallbacks)


def test_territories_keep_the_order_of_the_alert() -> None:
    register = {name: _network(name) for name in (ONE, TWO)}
    found = territories([TWO, ONE], register, {ONE: ALWAYS, TWO: BY_DAY})
    assert [Territory(BY_DAY, ("nl", "fr"), "network"), Territory(ALWAYS, ("nl", "fr"), "network")] == found


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
