"""The books add up, whatever happened: each euro is carried by somebody, each person stands in one state (R21)."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.core.batches import ACME, CALL, SMS, make_alert, make_audience, make_batch, make_group, make_plan

from klaroen.core.account import Account
from klaroen.core.books import Ledger, Payer
from klaroen.core.journal import Called
from klaroen.core.model import CostShare, NetworkId, Window, ZoneId
from klaroen.core.money import micros
from klaroen.core.sheet import Sheet
from klaroen.core.state import FAILED, HANDED_OVER, NETWORK, REACHED, REFUSED, UNKNOWN, UNSENT

NETWORKS = tuple(NetworkId(f"BIN-{number:04}") for number in range(4))
PLANS = (
    make_plan(Window("00:00", "24:00", ("sms",))),
    make_plan(Window("08:00", "20:00", ("tts",)), Window("20:00", "08:00", ("sms", "tts"))),
)
memberships = st.sets(st.integers(0, 3), min_size=1).map(lambda some: tuple(sorted(some)))
audiences = st.lists(st.tuples(st.integers(1, 4), memberships), min_size=1, max_size=6).map(
    lambda groups: make_audience(*(make_group(count, networks=some) for count, some in groups))
)
parts = st.integers(0, 1000)
shares = st.none() | st.tuples(parts, parts, parts).filter(any).map(
    lambda three: CostShare(*(part / sum(three) for part in three))
)
payers = st.tuples(
    *(
        st.builds(Payer, st.just(name), st.sampled_from((None, ZoneId("Z1"), ZoneId("Z2"))), shares,
                  st.sampled_from((None, *PLANS)))
        for name in NETWORKS
    )
)  # fmt: skip
states = st.sampled_from((UNSENT, UNKNOWN, REFUSED, FAILED, HANDED_OVER, NETWORK, REACHED))


@st.composite
def flights(draw: st.DrawFn, size: int) -> Sheet:
    """A batch of some deliveries that ended somehow; calls talk for some seconds."""
    deliveries = sorted(draw(st.sets(st.integers(0, size - 1), min_size=1)))
    is_call = draw(st.booleans())
    step, segments = (CALL, 1) if is_call else (SMS, draw(st.integers(1, 3)))
    due_at = make_alert().accepted_at + draw(st.integers(0, 86_400_000))
    sheet = Sheet(make_batch(deliveries=deliveries, step=step, parts=segments, due_at=due_at))
    sheet.take(ACME, draw(st.sampled_from((0.0, 0.055, 0.0333333))), "all")
    sheet.fly(0, len(deliveries), 10)
    for index in range(len(deliveries)):
        state = draw(states)
        sheet.answer(index, min(state, HANDED_OVER), 20, "", "")
        if state > HANDED_OVER or state == FAILED:
            sheet.prove(index, 255, state, draw(st.integers(30, 10**6)), "")
        if is_call and sheet.states[index] >= HANDED_OVER:
            talked = draw(st.integers(0, 200_000)).to_bytes(4, "little")
            sheet.apply(Called(index.to_bytes(2, "little"), b"\2", b"\x40\x42\x0f\0", talked))
    return sheet


@given(st.data(), audiences, payers, st.sampled_from(("warm", "cold", "crisis", "public_interest")))
def test_R21_the_books_add_up(data: st.DataObject, audience, payers, alert_class) -> None:
    """Networks and sender together carry what the account has spent; each place's payers carry what it cost."""
    sheets = data.draw(st.lists(flights(len(audience)), max_size=4))
    alert = replace(make_alert(networks=NETWORKS, members=len(audience)), alert_class=alert_class)
    ledger, account = Ledger(alert, audience, payers), Account.rebuild(audience, sheets)
    for sheet in sheets:
        ledger.add(sheet)
    rows = ledger.close(account.states)
    by_level = {level: [row.book for row in rows if row.place.level == level] for level in ("network", "country")}
    country = by_level["country"][0]
    spent = sum(tally.cost_eur for tally in account.tallies.values())
    assert abs(spent - sum(country.costs) / 1e6) < 1e-4, "tariffs were rounded to micro-euros"
    booked = [sum(column) for column in zip(*(book.costs for book in by_level["network"]), strict=True)]
    assert list(country.costs) == booked if alert_class in ("warm", "cold") else sum(booked) == 0
    assert sum(country.costs) == sum(country.costs[:4] if alert_class in ("warm", "cold") else country.costs[4:])
    assert tuple(account.counts) == country.counts
    assert account.counts[2] == sum(country.reach_ms.values())
    if all(payer.zone for payer in payers):
        zones = [row.book for row in rows if row.place.level == "zone"]
        assert list(country.costs[:4]) == [sum(book.costs[place] for book in zones) for place in range(4)]


@given(st.integers(0, 10**9))
def test_R21_a_tariff_of_whole_micro_euros_stays_what_it_was(amount: int) -> None:
    assert amount == micros(amount / 1e6)
