"""How an alert stands: every member in exactly one of seven states. Any history: tests/property/test_account.py."""

import pytest
from tests.unit.core.batches import ACME, CALL, make_audience, make_batch, make_group

from klaroen.core.account import STATES, Account, Tally
from klaroen.core.sheet import WHOLE, Sheet
from klaroen.core.state import (
    CANCELLED,
    ENDED,
    EXPIRED,
    FAILED,
    HANDED_OVER,
    MOVED,
    NETWORK,
    NONE,
    REACHED,
    REFUSED,
    UNKNOWN,
    UNSENT,
)
from klaroen.core.views import DeliveryState

PRICE = 0.5
"""Euros: a sum of halves is exact."""


def account_of(count: int = 3, unreachable: int = 0) -> Account:
    groups = [make_group(count), make_group(unreachable, reason="no_address")]
    return Account(make_audience(*[group for group in groups if group.count]))


def stand(account: Account) -> dict[str, int]:
    return {state: count for state, count in zip(STATES, account.counts, strict=True) if count}


# --- the seven states ------------------------------------------------------------------------------------------------


def test_who_cannot_be_reached_is_counted_from_the_start() -> None:
    account = account_of(3, unreachable=2)
    assert {"pending": 3, "unreachable": 2} == stand(account)
    assert (3, 2) == (account.count("pending"), account.count("unreachable"))


@pytest.mark.parametrize(
    ("fate", "expected"), [(ENDED, "failed"), (EXPIRED, "expired"), (CANCELLED, "cancelled"), (MOVED, "pending")]
)
def test_an_obligation_that_ends_without_a_hand_over_says_how(fate: int, expected: DeliveryState) -> None:
    account = account_of(1)
    account.end(account.tally("sms"), 0, fate)
    assert {expected: 1} == stand(account)


@pytest.mark.parametrize("fate", [ENDED, EXPIRED, CANCELLED])
def test_what_a_carrier_holds_is_handed_over_whatever_ends(fate: int) -> None:
    """Nothing said that it will not arrive: the end of the obligation takes nothing back."""
    account = account_of(1)
    tally = account.tally("sms")
    account.change(tally, [0], NONE, HANDED_OVER, 20, PRICE)
    account.end(tally, 0, fate)
    assert {"handed_over": 1} == stand(account)
    account.change(tally, [0], HANDED_OVER, FAILED, 30, PRICE)
    assert "handed_over" not in stand(account)


def test_a_failed_attempt_leaves_the_delivery_pending_until_no_step_is_left() -> None:
    account = account_of(1)
    tally = account.tally("sms")
    account.change(tally, [0], NONE, HANDED_OVER, 20, PRICE)
    account.change(tally, [0], HANDED_OVER, FAILED, 30, PRICE)
    assert {"pending": 1} == stand(account)
    account.end(tally, 0, ENDED)
    assert {"failed": 1} == stand(account)


def test_late_proof_outweighs_every_end() -> None:
    account = account_of(3)
    tally = account.tally("sms")
    for delivery, fate in enumerate((ENDED, EXPIRED, CANCELLED)):
        account.end(tally, delivery, fate)
    account.change(tally, [0, 1, 2], UNKNOWN, REACHED, 50, PRICE)
    account.end(tally, 1, EXPIRED)
    assert {"reached": 3} == stand(account)
    assert bytes((1, 1, 1)) == bytes(account.reached)


def test_two_attempts_at_once_hold_the_delivery_until_both_failed() -> None:
    account = account_of(1)
    sms, call = account.tally("sms"), account.tally("tts")
    account.change(sms, [0], NONE, HANDED_OVER, 20, PRICE)
    account.change(call, [0], NONE, HANDED_OVER, 30, PRICE)
    account.change(sms, [0], HANDED_OVER, FAILED, 40, PRICE)
    assert {"handed_over": 1} == stand(account)
    account.change(call, [0], HANDED_OVER, FAILED, 50, PRICE)
    assert {"pending": 1} == stand(account)


def test_R15_a_networks_receipt_counts_apart_and_reaches_nobody() -> None:
    account = account_of(2)
    tally = account.tally("sms")
    account.change(tally, [0, 1], NONE, NETWORK, 20, PRICE)
    account.change(account.tally("tts"), [1], NONE, NETWORK, 20, PRICE)
    assert ({"handed_over": 2}, 2) == (stand(account), account.network_only)
    account.change(tally, [0], NETWORK, REACHED, 30, PRICE)
    assert ({"handed_over": 1, "reached": 1}, 1) == (stand(account), account.network_only)
    account.change(account.tally("tts"), [0], NONE, NETWORK, 40, PRICE)
    assert account.network_only == 1, "who is reached is not reached by the network alone"


# --- channels, costs, instants ---------------------------------------------------------------------------------------


def test_a_hand_over_is_paid_once() -> None:
    account = account_of(2)
    tally = account.tally("sms")
    account.change(tally, [0, 1], NONE, HANDED_OVER, 20, PRICE)
    account.change(tally, [0], HANDED_OVER, REACHED, 30, PRICE)
    assert tally.cost_eur == 2 * PRICE


def test_a_part_that_takes_back_what_it_said_takes_back_its_price() -> None:
    """Of two parts one failed, then arrived, and the other one's answer is unknown: nothing is handed over."""
    sheet = Sheet(make_batch(1, parts=2))
    sheet.take(ACME, PRICE, "all")
    account = account_of(1)
    account.plan(sheet)
    tally = account.tally("sms")
    for state in (FAILED, REACHED):
        old = sheet.states[0]
        sheet.prove(0, 0, state, 20, "")
        account.change(tally, [0], old, sheet.states[0], 20, sheet.price_eur)
    assert (0.0, NONE) == (tally.cost_eur, sheet.states[0])


def test_proof_of_an_unknown_dates_its_hand_over_by_the_outcome() -> None:
    """The carrier had it all the while; a part that decides nothing counts nothing."""
    sheet = Sheet(make_batch(1, parts=2))
    sheet.take(ACME, PRICE, "first")
    account = account_of(1)
    account.plan(sheet)
    sheet.answer(0, UNKNOWN, 20, "", "no answer by the deadline")
    account.change(account.tally("sms"), [0], NONE, UNKNOWN, 20, sheet.price_eur)
    for part in (1, 0):
        old = sheet.states[0]
        sheet.prove(0, part, REACHED, 50, "000")
        account.prove(sheet, 0, old)
    tally = account.tally("sms")
    assert (20, 20, 2 * PRICE) == (account.first_ms, account.last_ms, tally.cost_eur)
    assert ({20: 1}, {50: 1}) == (tally.handed_ms, tally.proved_ms)
    assert {"reached": 1} == stand(account)


def test_proof_that_overtakes_the_answer_is_booked_as_it_comes() -> None:
    sheet = Sheet(make_batch(1))
    sheet.take(ACME, PRICE, "all")
    account = account_of(1)
    account.plan(sheet)
    sheet.prove(0, WHOLE, REACHED, 15, "000")
    account.prove(sheet, 0, NONE)
    assert (15, {"reached": 1}) == (account.first_ms, stand(account))


def test_first_and_last_hand_over_are_kept() -> None:
    account = account_of(3)
    for delivery, ms in enumerate((30, 20, 40)):
        account.change(account.tally("sms"), [delivery], NONE, HANDED_OVER, ms, PRICE)
    assert (20, 40) == (account.first_ms, account.last_ms)
    assert account.handed_over_ever == 3


def test_a_resend_that_may_double_is_counted_before_it_leaves() -> None:
    account = account_of(3)
    account.plan(Sheet(make_batch(2, possible_duplicate=True)))
    assert account.possible_duplicates == 2
    assert account.tally("sms").states[NONE] == 2


def test_metrics_are_told_each_thing_once() -> None:
    account = account_of(2)
    tally = account.tally("sms")
    account.change(tally, [0, 1], NONE, HANDED_OVER, 20, PRICE)
    account.change(tally, [0], HANDED_OVER, REACHED, 30, PRICE)
    assert ({20: 2}, {30: 1}, [0, 2, 1, 0, 0, 0, 0]) == (tally.handed_ms, tally.proved_ms, tally.entered)
    tally.told()
    assert ({}, {}, [0] * 7) == (tally.handed_ms, tally.proved_ms, tally.entered)


def test_percentiles_are_right_to_within_a_tenth() -> None:
    account = account_of(100)
    tally = account.tally("sms")
    for delivery in range(100):
        account.change(tally, [delivery], NONE, REACHED, (delivery + 1) * 100, PRICE)
    median, late = tally.percentile(0.5), tally.percentile(0.99)
    assert 5_000 <= (median or 0) <= 5_500
    assert 9_900 <= (late or 0) <= 10_900


def test_nobody_reached_has_no_percentile() -> None:
    assert Tally().percentile(0.5) is None


def test_a_proof_after_years_still_has_a_bucket() -> None:
    account = account_of(1)
    account.change(account.tally("sms"), [0], NONE, REACHED, 2**32 - 1, PRICE)
    assert account.tally("sms").percentile(1.0) is not None


# --- a restart, and the end ------------------------------------------------------------------------------------------


def two_steps() -> list[Sheet]:
    """Three by SMS: one reached, one moved on to a call that is refused, one whom the call would double."""
    sms, call = Sheet(make_batch(3)), Sheet(make_batch(number=2, deliveries=[1, 2], step=CALL))
    sms.take(ACME, PRICE, "all")
    sms.fly(0, 3, 5)
    for index, state in enumerate((HANDED_OVER, REFUSED, HANDED_OVER)):
        sms.answer(index, state, 20 + index, "", "")
    sms.prove(0, WHOLE, REACHED, 50, "")
    sms.leave(1, MOVED)
    sms.leave(2, MOVED)
    sms.prove(2, WHOLE, NETWORK, 60, "")
    sms.prove(2, WHOLE, REACHED, 70, "")
    call.take(ACME, PRICE, "all")
    call.fly(0, 2, 65)
    call.answer(0, REFUSED, 66, "", "carrier busy")
    call.leave(0, ENDED)
    call.answer(1, UNSENT, 71, "", "reached before")
    call.leave(1, ENDED)
    call.confirmed.add(0)
    return [sms, call]


@pytest.mark.parametrize("turned", [False, True])
def test_an_account_is_what_its_sheets_make_in_any_order(turned: bool) -> None:
    sheets = two_steps()
    account = Account.rebuild(make_audience(make_group(3)), reversed(sheets) if turned else sheets)
    assert {"reached": 2, "failed": 1} == stand(account)
    assert (20, 22, 1, 0) == (account.first_ms, account.last_ms, account.confirmed, account.network_only)
    sms, call = account.tally("sms"), account.tally("tts")
    assert (3, 2 * PRICE, 2) == (sms.flown, sms.cost_eur, sms.states[REACHED])
    assert (1, 0.0) == (call.flown, call.cost_eur), "who was passed over had no attempt"


def test_what_was_not_answered_or_only_taken_is_counted_as_it_stands() -> None:
    sheet = Sheet(make_batch(3))
    sheet.take(ACME, PRICE, "all")
    sheet.fly(0, 2, 5)
    sheet.answer(0, HANDED_OVER, 20, "ref", "")
    account = Account.rebuild(make_audience(make_group(3)), [sheet])
    assert {"pending": 2, "handed_over": 1} == stand(account)
    assert (2, 2, PRICE) == ((tally := account.tally("sms")).flown, tally.states[NONE], tally.cost_eur)


def test_after_a_restart_the_metrics_are_not_told_again() -> None:
    account = Account.rebuild(make_audience(make_group(3)), two_steps())
    for tally in account.tallies.values():
        assert ({}, {}, [0] * 7) == (tally.handed_ms, tally.proved_ms, tally.entered)


def test_a_closed_account_comes_back_and_takes_late_proof() -> None:
    audience = make_audience(make_group(3), make_group(2, reason="no_channel"))
    account = Account.rebuild(audience, two_steps())
    again = Account.reopen(audience, account.close())
    assert account.close() == again.close()
    assert (account.counts, account.handed_over_ever) == (again.counts, again.handed_over_ever)
    again.change(again.tally("tts"), [1], FAILED, REACHED, 99_000, PRICE)
    assert {"reached": 3, "unreachable": 2} == stand(again)


def test_calls_ring_are_listened_to_and_end() -> None:
    account = account_of(3)
    calls = account.tally("tts")
    account.change(calls, [0, 1, 2], NONE, HANDED_OVER, 5, PRICE)
    assert (3, 0) == (calls.ringing, calls.talking)
    calls.answered, calls.ended, calls.talked = 2, 1, 1
    calls.answer_ms = {0: 2}
    assert (1, 1) == (calls.ringing, calls.talking)
    assert calls.answer_percentile(1.0) is not None
