"""From an audience to batches: routes, sizes and steps. Whatever the pieces: tests/property/test_expand.py."""

from array import array
from collections.abc import Iterator

from msgspec.structs import replace
from tests.unit.core.batches import (
    ACCEPTED_AT,
    ACME,
    CALL,
    MOBILE,
    SMS,
    make_audience,
    make_cargo,
    make_group,
    make_plan,
    make_planner,
)

from klaroen.core.audience import Audience, Kind, Layout, Tongue
from klaroen.core.expand import BATCH_MAX, CONTACTS_FIRST, Planner, Route, expand
from klaroen.core.model import CHANNELS, BatchId, CarrierName, Instant, Step, Window

DAY = Instant(ACCEPTED_AT + 9 * 3_600_000)
BY_DAY = make_plan(Window("08:00", "20:00", ("sms", "tts")), Window("20:00", "08:00", ("tts", "sms")))
CALL_MOBILE = Step("tts", "mobile")


def numbers() -> Iterator[int]:
    return iter(range(1, 1_000_000))


def test_groups_of_one_step_and_language_share_a_route() -> None:
    audience = make_audience(make_group(2), make_group(1, language="fr"), make_group(2))
    routes, cursor = expand(audience, make_planner(), 0, 100, ACCEPTED_AT)
    assert {
        Route(SMS, "nl", ACCEPTED_AT): array("I", [0, 1, 3, 4]),
        Route(SMS, "fr", ACCEPTED_AT): array("I", [2]),
    } == routes
    assert cursor == 5


def test_who_cannot_be_reached_is_passed_over() -> None:
    audience = make_audience(make_group(2, reason="no_address"), make_group(1), make_group(1, addresses=0))
    routes, cursor = expand(audience, make_planner(), 0, 100, ACCEPTED_AT)
    assert ([array("I", [2])], 4) == (list(routes.values()), cursor)


def test_pieces_are_whole_groups() -> None:
    """A piece ends with the group that fills it; the next begins there, and after the last nothing is left."""
    audience = make_audience(make_group(3), make_group(3), make_group(3))
    pieces, cursor = [], 0
    while cursor < len(audience):
        routes, cursor = expand(audience, make_planner(), cursor, 4, ACCEPTED_AT)
        pieces.append([list(deliveries) for deliveries in routes.values()])
    assert [[[0, 1, 2, 3, 4, 5]], [[6, 7, 8]]] == pieces
    assert ({}, 9) == expand(audience, make_planner(), 9, 4, ACCEPTED_AT)


def test_R14_the_first_step_is_the_one_of_the_hour_of_acceptance() -> None:
    planner = make_planner(BY_DAY)
    audience = make_audience(make_group(1))
    assert [SMS] == [route.step for route in expand(audience, planner, 0, 1, DAY)[0]]
    assert [CALL_MOBILE] == [route.step for route in expand(audience, planner, 0, 1, ACCEPTED_AT)[0]]


def test_whose_carrier_is_gone_since_acceptance_waits_for_it() -> None:
    """By a channel that the alert may go by, so that it has an end: in a batch that expires if no carrier comes."""
    planner = Planner((BY_DAY,), frozenset({"email"}), True, frozenset({"email", "tts"}))
    routes, cursor = expand(make_audience(make_group(2)), planner, 0, 2, DAY)
    assert ({Route(CALL_MOBILE, "nl", DAY): array("I", [0, 1])}, 2) == (routes, cursor)
    assert planner.step(make_group(), (), DAY) is None, "later steps go by what there is"


def test_R15_the_next_step_is_asked_anew_at_the_hour_when_it_falls_due() -> None:
    """Steps that were tried do not return; when all were, there is none."""
    planner, group = make_planner(BY_DAY), make_group()
    assert CALL_MOBILE == planner.step(group, (SMS,), DAY)
    assert CALL == planner.step(group, (SMS, CALL_MOBILE), DAY)
    assert SMS == planner.step(group, (CALL_MOBILE, CALL), ACCEPTED_AT)
    assert planner.step(group, (SMS, CALL_MOBILE, CALL), DAY) is None
    assert planner.step(make_group(addresses=MOBILE), (SMS, CALL_MOBILE), DAY) is None


def test_R05_the_plans_of_all_the_persons_networks_are_asked() -> None:
    """In the order of the networks; those targeted of which the person is no member have no say."""
    sms, call, mail = (make_plan(Window("00:00", "24:00", (channel,))) for channel in ("sms", "tts", "email"))
    planner = make_planner(call, mail, sms)
    group = make_group(networks=(0, 2))
    assert CALL_MOBILE == planner.step(group, (), DAY)
    assert SMS == planner.step(group, (CALL_MOBILE, CALL), DAY)
    assert planner.step(group, (CALL_MOBILE, CALL, SMS), DAY) is None


def test_batches_hold_a_thousand_at_most() -> None:
    audience = make_audience(make_group(2 * BATCH_MAX + 1))
    routes, _ = expand(audience, make_planner(), 0, 1, ACCEPTED_AT)
    number = numbers()
    batches = make_cargo().batches(routes, lambda: BatchId(next(number)))
    assert [BATCH_MAX, BATCH_MAX, 1] == [batch.count for batch in batches]
    assert [1, 2, 3] == [batch.id for batch in batches]
    assert audience.members.tobytes() != b"".join(batch.deliveries for batch in batches), "indexes, not numbers"
    assert array("I", range(2 * BATCH_MAX + 1)).tobytes() == b"".join(batch.deliveries for batch in batches)


def test_a_batch_knows_its_alert_and_its_history() -> None:
    tried, passed = (CALL,), (ACME,)
    route = Route(SMS, "fr", DAY, 1, 2, 3, tried, passed, CarrierName("keyed"), True)
    cargo = make_cargo()
    batch = cargo.batch(BatchId(7), route, array("I", [5, 9]))
    alert = cargo.alert
    assert (7, alert.id, alert.alert_class, alert.mode) == (batch.id, batch.alert, batch.alert_class, batch.mode)
    assert ("fr", DAY, 1, 2, 3) == (batch.language, batch.due_at, batch.rung, batch.attempt_no, batch.deferrals)
    assert (tried, passed, "keyed", True) == (batch.tried, batch.passed, batch.only, batch.possible_duplicate)
    assert (60.0, 2, 2) == (batch.wait_s, batch.parts, batch.count), "two segments in French"


def test_only_texts_by_sms_come_in_parts() -> None:
    batch = make_cargo().batch(BatchId(1), Route(CALL, "fr", DAY), array("I", [0]))
    assert (1, 90.0) == (batch.parts, batch.wait_s)


def test_R11_members_of_two_levels_wait_and_their_coordinators_do_not() -> None:
    """Whoever is in a network of one level as well is warned at once."""
    blocks = [((0,), (0, 0), (1, 1)), ((0, 1), (0,), (1,))]
    layout = Layout.of((Kind((), MOBILE),), blocks, array("I", [CONTACTS_FIRST, 5, 6]).tobytes())
    audience = Audience(layout, [Tongue("nl", fell_back=False)], bytes(2), bytes(3))
    plan = make_plan(Window("00:00", "24:00", ("sms",)))
    planner = Planner((plan, plan), frozenset({"sms"}), True, frozenset({"sms"}), frozenset({0}), 90_000)
    routes, _ = expand(audience, planner, 0, 10, ACCEPTED_AT)
    assert {ACCEPTED_AT: [0, 2], ACCEPTED_AT + 90_000: [1]} == {
        route.due_at: list(found) for route, found in routes.items()
    }


def test_R01_a_network_that_is_shut_permits_nothing_more() -> None:
    """Its members stand in a batch all the same when they are expanded, and so have an end."""
    group = make_group(1)
    planner = replace(make_planner(), shut=frozenset({0}), reserve=frozenset(CHANNELS))
    assert planner.step(group, (), ACCEPTED_AT) is None
    assert planner.first_step(group, ACCEPTED_AT, ACCEPTED_AT) is not None
