"""What an alert came to, place by place: who counts where (R20), and who pays (R21, R5)."""

from msgspec.structs import replace
from tests.unit.core.batches import ACME, CALL, SMS, make_alert, make_audience, make_batch, make_group, make_plan

from klaroen.core.account import HANDED, PENDING, REACHED_STATE, Account
from klaroen.core.books import COUNTRY, Book, BookRow, Change, Ledger, Payer, Place, decode, encode, payers
from klaroen.core.buckets import bucket_of, percentile
from klaroen.core.journal import Called
from klaroen.core.model import (
    Alert,
    Area,
    CostShare,
    Levels,
    Network,
    NetworkId,
    Plan,
    Window,
    Zone,
    ZoneId,
)
from klaroen.core.sheet import Sheet
from klaroen.core.snapshot import Snapshot
from klaroen.core.state import HANDED_OVER, REACHED

B1, B2, B3 = NetworkId("BIN-0001"), NetworkId("BIN-0002"), NetworkId("BIN-0003")
Z1, Z2 = ZoneId("Z1"), ZoneId("Z2")
THIRDS = CostShare(0.5, 0.3, 0.2)
DAY = Window("00:00", "24:00", ("sms",))
CALLS = Window("00:00", "24:00", ("tts",))
NIGHT, REST = Window("22:00", "06:00", ("sms",)), Window("06:00", "22:00", ("tts",))
TEXTS, VOICES = make_plan(DAY), make_plan(CALLS)
ALERT = make_alert(networks=(B1, B2, B3), members=4)
AUDIENCE = make_audience(
    make_group(2), make_group(1, networks=(0, 1)), make_group(1, networks=(1, 2)), make_group(1, networks=(2,))
)
PAYERS_OF = (
    Payer(B1, Z1, THIRDS, VOICES),
    Payer(B2, Z1, None, TEXTS),
    Payer(B3, Z2, CostShare(0.0, 1.0, 0.0), TEXTS),
)


def flown(*states: int, price: float = 0.05, first: int = 0, **history: object) -> Sheet:
    """A batch of texts that ended so, one second after acceptance."""
    deliveries = range(first, first + len(states))
    sheet = Sheet(make_batch(deliveries=deliveries, **history))  # type: ignore[arg-type]
    sheet.take(ACME, price, "all")
    sheet.fly(0, len(states), 500)
    for index, state in enumerate(states):
        sheet.answer(index, min(state, HANDED_OVER), 600, "ref", "")
        if state == REACHED:
            sheet.prove(index, 255, state, 1000, "")
    return sheet


def books(
    *sheets: Sheet, alert: Alert = ALERT, payers: tuple[Payer, ...] = PAYERS_OF
) -> tuple[dict[Place, Book], Account]:
    account = Account.rebuild(AUDIENCE, sheets)
    ledger = Ledger(alert, AUDIENCE, payers)
    for sheet in sheets:
        ledger.add(sheet)
    return {row.place: row.book for row in ledger.close(account.states)}, account


def test_R20_a_person_counts_in_each_network_and_once_in_each_zone_and_the_country() -> None:
    found, account = books(flown(REACHED, HANDED_OVER, REACHED, REACHED, HANDED_OVER))
    by_name = {place: (sum(book.counts), book.counts[REACHED_STATE]) for place, book in found.items()}
    assert {
        Place("network", B1): (3, 2),
        Place("network", B2): (2, 2),
        Place("network", B3): (2, 1),
        Place("zone", Z1): (4, 3),
        Place("zone", Z2): (2, 1),
        Place("country", COUNTRY): (5, 3),
        Place("sender", "zone"): (5, 3),
    } == by_name
    assert tuple(account.counts) == found[Place("country", COUNTRY)].counts


def test_R20_how_fast_is_the_first_proof_of_each_person() -> None:
    early, late = flown(REACHED, HANDED_OVER), flown(REACHED, REACHED)
    late.proved_ms[0] = 9_000
    found, _ = books(late, early)
    country = found[Place("country", COUNTRY)]
    assert {bucket_of(1000): 2} == country.reach_ms
    assert 1000 <= percentile(country.reach_ms, 0.5) <= 1100  # type: ignore[operator]


def test_R20_confirmations_count_persons() -> None:
    sheet = flown(REACHED, REACHED, REACHED)
    sheet.confirmed = {0, 2}
    again = flown(REACHED)
    again.confirmed = {0}
    found, _ = books(sheet, again)
    assert (2, 1) == (found[Place("network", B1)].confirmed, found[Place("network", B2)].confirmed)


def test_R05_an_attempt_is_booked_on_the_network_that_permitted_it() -> None:
    """Who is in the first and the second network got a text, which only the second one's plan has."""
    found, _ = books(flown(HANDED_OVER, first=2))
    assert 0 == sum(found[Place("network", B1)].costs)
    assert 50_000 == sum(found[Place("network", B2)].costs)


def test_R05_of_several_that_permit_it_the_lowest_id_pays() -> None:
    found, _ = books(flown(HANDED_OVER, first=3))
    assert (50_000, 0) == (sum(found[Place("network", B2)].costs), sum(found[Place("network", B3)].costs))
    found, _ = books(flown(HANDED_OVER, first=3), flown(HANDED_OVER, first=3))
    assert (100_000, 0) == (sum(found[Place("network", B2)].costs), sum(found[Place("network", B3)].costs))


def test_R05_a_repeat_after_the_window_is_booked_on_whose_plan_has_the_channel_at_all() -> None:
    """An alert of 01:00; the first network never has texts, the second one at night alone."""
    night = (Payer(B1, Z1, THIRDS, VOICES), Payer(B2, Z1, None, make_plan(NIGHT, REST)), PAYERS_OF[2])
    at_noon = {"due_at": ALERT.accepted_at + 11 * 3_600_000}
    found, _ = books(flown(HANDED_OVER, first=2, **at_noon), payers=night)
    assert 50_000 == sum(found[Place("network", B2)].costs)
    nobody = tuple(replace(payer, plan=VOICES) for payer in PAYERS_OF)
    found, _ = books(flown(HANDED_OVER, first=2, **at_noon), payers=nobody)
    assert 50_000 == sum(found[Place("network", B1)].costs), "the lowest id, where no plan says anything"


def test_R21_each_network_pays_by_the_shares_that_it_agreed() -> None:
    found, _ = books(flown(HANDED_OVER, HANDED_OVER, first=0), flown(HANDED_OVER, HANDED_OVER, first=3))
    assert (50_000, 30_000, 20_000, 0, 0) == found[Place("network", B1)].costs
    assert (0, 0, 0, 50_000, 0) == found[Place("network", B2)].costs, "it has agreed on nothing"
    assert (0, 50_000, 0, 0, 0) == found[Place("network", B3)].costs
    assert (50_000, 30_000, 20_000, 50_000, 0) == found[Place("zone", Z1)].costs
    assert (50_000, 80_000, 20_000, 50_000, 0) == found[Place("country", COUNTRY)].costs


def test_R21_a_sender_pays_for_crisis_and_public_interest() -> None:
    for alert_class in ("crisis", "public_interest"):
        alert = replace(ALERT, alert_class=alert_class)
        found, _ = books(flown(HANDED_OVER, REACHED), alert=alert)
        assert (0, 0, 0, 0, 100_000) == found[Place("sender", "zone")].costs
        assert 0 == sum(found[Place("network", B1)].costs)


def test_R21_a_call_costs_its_started_minutes_and_a_text_its_segments() -> None:
    call = flown(REACHED, step=CALL, price=0.02)
    call.apply(Called(b"\0\0", b"\1", b"\xe8\3\0\0", b"\xe8\3\0\0"))
    call.apply(Called(b"\0\0", b"\2", b"\xa0\x86\1\0", b"\x61\xea\0\0"))
    found, _ = books(call, flown(HANDED_OVER, parts=3, price=0.01))
    assert 2 * 20_000 + 3 * 10_000 == sum(found[Place("country", COUNTRY)].costs)


def test_R21_nothing_is_paid_for_what_no_carrier_took_or_what_is_free() -> None:
    found, _ = books(flown(2, 3), flown(HANDED_OVER, price=0.0))
    assert 0 == sum(found[Place("country", COUNTRY)].costs)


def test_R20_a_late_receipt_moves_one_person() -> None:
    sheet = flown(HANDED_OVER, HANDED_OVER)
    found, _ = books(sheet)
    sheet.prove(0, 255, REACHED, 5_000, "")
    ledger = Ledger(ALERT, AUDIENCE, PAYERS_OF)
    ledger.spend(sheet.batch, 0, 50_000)
    changes = ledger.amend([Change(0, HANDED, REACHED_STATE, 5_000)])
    assert [Place("network", B1), Place("zone", Z1), Place("country", COUNTRY), Place("sender", "zone")] == [
        row.place for row in changes
    ]
    country = found[Place("country", COUNTRY)].plus(changes[2].book)
    assert (0, 1, 1, 0, 0, 0, 0) == tuple(a - b for a, b in zip(country.counts, (3, 0, 0, 0, 0, 0, 0), strict=True))
    assert {bucket_of(5_000): 1} == country.reach_ms
    assert 150_000 == sum(country.costs)
    assert Book() == Book().plus(Ledger(ALERT, AUDIENCE, PAYERS_OF).amend([Change(0, PENDING, PENDING, 1)])[0].book)


def test_R21_what_the_register_says_no_more_is_paid_for_by_nobody_that_we_know() -> None:
    """A network that was taken out of the register meanwhile: counted under its name, in no zone."""
    gone = (Payer(B1, None, None, None), *PAYERS_OF[1:])
    found, _ = books(flown(HANDED_OVER), payers=gone)
    assert (0, 0, 0, 50_000, 0) == found[Place("network", B1)].costs
    assert 0 == sum(found[Place("zone", Z1)].costs)


def test_R20_what_klaroen_sends_by_itself_is_booked_as_such() -> None:
    for origin in ("copy", "reply"):
        alert = replace(ALERT, origin=origin)
        assert {origin} == {row.mode for row in Ledger(alert, AUDIENCE, PAYERS_OF).close(bytes(5))}
    assert {"exercise"} == {
        row.mode for row in Ledger(replace(ALERT, mode="exercise"), AUDIENCE, PAYERS_OF).close(bytes(5))
    }


def test_payers_are_read_from_the_register() -> None:
    network = Network(
        B1, "BIN 1", "residents", Z1, "Aalst", "Oost-Vlaanderen", "Vlaanderen", ("nl",), "2019-05-01", Area(), (), (),
        "B", 20, Levels(), (Plan(1, "2020-01-01", (DAY,), (DAY,)),), 12, cost_share=THIRDS,
    )  # fmt: skip
    changed = replace(network, id=B2, plans=(Plan(2, "2020-01-01", (DAY,), (DAY,)),))
    snapshot = Snapshot(1, {Z1: Zone(Z1, "Z")}, {B1: network, B2: changed}, (), (), ((), (), (), ()))
    assert (
        Payer(B1, Z1, THIRDS, TEXTS),
        Payer(B2, Z1, THIRDS, None),
        Payer(B3, None, None, None),
    ) == payers(ALERT, snapshot)


def test_a_book_is_read_as_it_was_written() -> None:
    row = BookRow(Place("network", B1), ALERT.accepted_at, ALERT.id, "warm", "live", books(flown(REACHED))[0][
        Place("network", B1)
    ])  # fmt: skip
    assert row.book == decode(encode(row.book))
    assert SMS == make_batch().step


def test_R20_a_network_of_which_nobody_is_meant_has_no_book() -> None:
    """A follow-up goes to the networks of the alert before it, and to some of their people."""
    audience = make_audience(make_group(0), make_group(2, networks=(1,)), make_group(0, networks=(2,)))
    sheet = flown(REACHED, REACHED)
    ledger = Ledger(ALERT, audience, PAYERS_OF)
    ledger.add(sheet)
    books_of = {row.place: row.book for row in ledger.close(bytes([REACHED_STATE] * 2))}
    assert Place("network", B1) not in books_of
    assert Place("zone", Z2) not in books_of
    assert (2, 100_000) == (
        books_of[Place("network", B2)].counts[REACHED_STATE],
        books_of[Place("network", B2)].costs[3],
    )
