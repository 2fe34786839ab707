"""Every reachable delivery is in exactly one batch of the first rung, however expansion is cut and resumed."""

from array import array
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.batches import (
    ACCEPTED_AT,
    ANY_ADDRESS,
    make_audience,
    make_cargo,
    make_group,
    make_plan,
    make_planner,
)

from klaroen.core.audience import Audience
from klaroen.core.expand import BATCH_MAX, expand
from klaroen.core.ground import Ground, Territory, gather, locate, make_regions
from klaroen.core.model import CHANNELS, Batch, BatchId, NetworkId, Window
from klaroen.core.plan import Offer
from klaroen.core.snapshot import Cohort

NETWORKS = [NetworkId(f"BIN-{number}") for number in range(5)]
PLANNER = make_planner(*[make_plan(Window("00:00", "24:00", ("sms", "tts")))] * len(NETWORKS))

groups = st.builds(
    make_group,
    st.one_of(st.integers(1, 30), st.integers(1, 2_500)),
    addresses=st.sampled_from([0, 1, 2, ANY_ADDRESS]),
    language=st.sampled_from(["nl", "fr"]),
    reason=st.sampled_from([None, None, None, "no_address"]),
)
audiences = st.lists(groups, max_size=12).map(lambda drawn: make_audience(*drawn))
sizes = st.lists(st.integers(1, 5_000), min_size=1, max_size=5)


def expanded(audience: Audience, pieces: list[int]) -> list[Batch]:
    """Expand piece by piece, each begun anew from the durable cursor alone."""
    numbers, cursor, batches = count(1), 0, []
    for turn in count():
        if cursor >= len(audience):
            return batches
        size = pieces[turn % len(pieces)]
        routes, after = expand(Audience.decode(audience.encode()), PLANNER, cursor, size, ACCEPTED_AT)
        assert cursor < after <= len(audience)
        again, same = expand(audience, PLANNER, cursor, size, ACCEPTED_AT)
        assert (routes, after) == (again, same), "a second expansion after a crash finds the same"
        batches += make_cargo().batches(routes, lambda: BatchId(next(numbers)))
        cursor = after
    raise AssertionError


def deliveries(batches: list[Batch]) -> list[int]:
    return [delivery for batch in batches for delivery in array("I", batch.deliveries)]


@settings(deadline=None)
@given(audiences, sizes)
def test_every_reachable_delivery_is_in_exactly_one_batch(audience: Audience, pieces: list[int]) -> None:
    reachable = [
        delivery
        for start, end, group in audience.spans_from(0)
        if group.reason is None and group.addresses
        for delivery in range(start, end)
    ]
    batches = expanded(audience, pieces)
    assert reachable == sorted(deliveries(batches))
    for batch in batches:
        assert 1 <= batch.count <= BATCH_MAX
        members = [audience.group(delivery) for delivery in array("I", batch.deliveries)]
        assert {(batch.language, batch.step)} == {
            (group.language, PLANNER.step(group, (), ACCEPTED_AT)) for group in members
        }


@settings(deadline=None)
@given(audiences, sizes, sizes)
def test_batches_do_not_depend_on_the_size_of_the_pieces(audience: Audience, one: list[int], other: list[int]) -> None:
    """But for where they are cut."""
    assert sorted(deliveries(expanded(audience, one))) == sorted(deliveries(expanded(audience, other)))


memberships = st.dictionaries(
    st.integers(1, 200),
    st.sets(st.sampled_from(NETWORKS), min_size=1).map(lambda names: tuple(sorted(names))),
    max_size=40,
)


@settings(deadline=None)
@given(memberships, st.sets(st.sampled_from(NETWORKS), min_size=1), sizes)
def test_R05_a_person_in_several_networks_is_warned_once(
    people: dict[int, tuple[NetworkId, ...]], targeted: set[NetworkId], pieces: list[int]
) -> None:
    """R4, R5: everybody active in a targeted network, and nobody twice, from the register to the batches."""
    cohorts: dict[tuple[NetworkId, ...], list[int]] = {}
    for member, networks in sorted(people.items()):
        cohorts.setdefault(networks, []).append(member)
    rows = [
        Cohort(networks, (), ANY_ADDRESS, None, array("I", members).tobytes()) for networks, members in cohorts.items()
    ]
    plan = make_plan(Window("00:00", "24:00", ("sms",)))
    territories = [Territory(plan.urgent, plan.non_urgent, ("nl",), "network")] * len(targeted)
    channels = frozenset(CHANNELS)
    regions = make_regions(rows)
    ground = Ground(regions.kinds, locate(regions.regions, sorted(targeted)), territories)
    audience = gather(ground, ("nl",), Offer(channels, channels, channels), True, ACCEPTED_AT)
    warned = sorted(audience.members[delivery] for delivery in deliveries(expanded(audience, pieces)))
    assert warned == sorted(member for member, networks in people.items() if set(networks) & targeted)
    for delivery in range(len(audience)):
        own = [sorted(targeted)[index] for index in audience.group(delivery).networks]
        assert sorted(set(people[audience.members[delivery]]) & targeted) == own
