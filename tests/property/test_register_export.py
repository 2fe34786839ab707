"""Importing what was exported gives the same register."""

from hypothesis import given
from hypothesis import strategies as st

from klaroen.core.model import (
    CHANNELS,
    Agreement,
    Area,
    Coordinator,
    CostShare,
    Levels,
    Member,
    MemberId,
    MemberNumber,
    Network,
    NetworkId,
    Officer,
    Plan,
    Window,
    Zone,
    ZoneId,
)
from klaroen.register.export import export_register
from klaroen.register.files import read_register
from klaroen.register.merge import merge
from klaroen.register.model import Register
from klaroen.register.snapshot import edited, make_snapshot, snapshot_bytes, snapshot_from

words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
names = st.one_of(words, st.sampled_from(['An "Anneke" Peeters', "Peeters, An", "D'Hondt; Zoë", ""]))
dates = st.dates().map(lambda day: day.isoformat())
mobiles = st.integers(0, 9_999_999).map(lambda number: f"+3247{number:07}")
channels = st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True).map(tuple)
share = st.sampled_from([CostShare(1.0, 0.0, 0.0), CostShare(0.5, 0.25, 0.25), CostShare(1 / 3, 1 / 3, 1 / 3)])
ring = st.sampled_from([None, ((4.0, 51.0), (4.1, 51.0), (4.1, 51.1), (4.0, 51.0))])


def windows() -> st.SearchStrategy[tuple[Window, ...]]:
    return st.builds(
        lambda by_day, by_night: (Window("07:00", "22:30", by_day), Window("22:30", "07:00", by_night)),
        channels,
        channels,
    )


zones = st.builds(
    Zone,
    id=st.sampled_from(["Z1", "Z2"]).map(ZoneId),
    name=words,
    caller_id=st.none() | mobiles,
    reply=st.dictionaries(st.sampled_from(["nl", "fr", "de", "en"]), names),
    social_media_supported=st.booleans(),
    dispatch_centres=st.lists(words, max_size=2).map(tuple),
    agreements=st.lists(st.builds(Agreement, words, st.just(("warm", "cold")), dates), max_size=2).map(tuple),
)
plans = st.builds(Plan, st.just(1), dates, windows(), windows(), st.booleans()).map(lambda plan: (plan,))


@st.composite
def registers(draw: st.DrawFn) -> Register:
    own_zones = draw(st.lists(zones, min_size=1, unique_by=lambda zone: zone.id))
    networks = [
        draw(
            st.builds(
                Network,
                id=st.just(NetworkId(f"BIN-{index}")),
                name=words,
                kind=st.sampled_from(["residents", "professional"]),
                zone=st.sampled_from([zone.id for zone in own_zones]),
                municipality=words,
                province=words,
                region=words,
                languages=st.sampled_from([("nl",), ("nl", "fr"), ("de", "fr")]),
                recognised_on=dates,
                area=st.builds(Area, st.lists(words, min_size=1, max_size=2).map(tuple), st.just(()), ring),
                coordinators=st.builds(Coordinator, st.just("K1"), words, st.none() | mobiles).map(lambda one: (one,)),
                officers=st.builds(Officer, st.just("O1"), words).map(lambda one: (one,)),
                mayor=words,
                members_at_signing=st.integers(0, 500),
                levels=st.builds(Levels, st.sampled_from([1, 2]), st.sampled_from([1, 2])),
                plans=plans,
                evaluation_months=st.integers(1, 36),
                recognised=st.booleans(),
                stopped=st.booleans(),
                centroid=st.none() | st.just((4.05, 51.05)),
                cost_share=st.none() | share,
            )
        )
        for index in range(draw(st.integers(1, 3)))
    ]
    membership = st.tuples(
        st.sampled_from([network.id for network in networks]),
        st.sampled_from(["active", "suspended", "removed"]),
        st.booleans(),
    )
    members = [
        draw(
            st.builds(
                Member,
                number=st.just(MemberNumber(number)),
                id=st.just(MemberId(f"M{number}")),
                name=names,
                language=st.sampled_from([None, "nl", "en"]),
                mobile=st.none() | mobiles,
                landline=st.none() | st.just("+3253210000"),
                email=st.none() | st.just("an@example.be"),
                whatsapp=st.none() | mobiles,
                preference=st.just(()) | channels,
                adult=st.just(True),
                memberships=st.lists(membership, min_size=1, unique_by=lambda one: one[0]).map(
                    lambda found: tuple(sorted(found))
                ),
            )
        )
        for number in range(draw(st.integers(0, 4)))
    ]
    return Register(tuple(own_zones), tuple(networks), tuple(members))


@given(registers())
def test_import_of_an_export_is_the_same_register(register: Register) -> None:
    again = read_register(*export_register(register))
    assert register == again
    assert (again, 0) == merge(register, again)


@given(registers())
def test_a_snapshot_comes_back_from_its_bytes(register: Register) -> None:
    snapshot = make_snapshot(1, register)
    assert snapshot == snapshot_from(snapshot_bytes(snapshot))
    active = [m for m in register.members if any(status == "active" for _, status, _ in m.memberships)]
    assert len(active) == sum(cohort.count for cohort in snapshot.cohorts)


@given(registers(), registers())
def test_a_snapshot_that_is_edited_is_the_one_that_would_be_made(before: Register, after: Register) -> None:
    """Whatever members come, go or change; networks stay as they are."""
    after = Register(before.zones, before.networks, after.members)
    numbers = {member.number: member for member in after.members}
    changed = {member.number: numbers.get(member.number) for member in (*before.members, *after.members)}
    expected = make_snapshot(2, after, len(before.members))
    assert expected == edited(make_snapshot(1, before), 2, changed)
