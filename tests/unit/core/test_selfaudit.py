"""What does not add up is said, and what does is not."""

import hashlib

import pytest
from msgspec.structs import replace
from tests.unit.core.batches import ACME, make_alert, make_audience, make_batch, make_group

from klaroen.core import selfaudit
from klaroen.core.account import Account
from klaroen.core.model import Content, Instant, Text
from klaroen.core.sheet import Sheet
from klaroen.core.state import HANDED_OVER, NONE


def flown(count: int = 3) -> tuple[Account, Sheet]:
    """An account and its one sheet, of which a carrier took the first."""
    account, sheet = Account(make_audience(make_group(count))), Sheet(make_batch(count))
    account.plan(sheet)
    sheet.take(ACME, 0.05, "all")
    sheet.fly(0, count, 10)
    sheet.answer(0, HANDED_OVER, 20, "r", "")
    account.change(account.tally("sms"), [0], NONE, HANDED_OVER, 20, sheet.price_eur)
    return account, sheet


def test_a_sound_account_adds_up() -> None:
    account, sheet = flown()
    assert selfaudit.sums(account, 3) is None
    assert selfaudit.tallies(account, [sheet]) is None


def test_members_that_are_counted_twice_or_not_at_all() -> None:
    account, _ = flown()
    assert "4 members" in str(selfaudit.sums(account, 4))
    account.counts[0] += 1
    account.counts[1] -= 1
    assert "[3, 0, 0, 0, 0, 0, 0]" in str(selfaudit.sums(account, 3))


def test_attempts_that_the_account_does_not_know() -> None:
    account, sheet = flown()
    sheet.answer(1, HANDED_OVER, 30, "s", "")
    assert "by sms" in str(selfaudit.tallies(account, [sheet]))
    assert "as None" in str(selfaudit.tallies(Account(make_audience(make_group(3))), [sheet]))
    assert "by sms" in str(selfaudit.tallies(flown()[0], []))


@pytest.mark.parametrize("name", ["states", "fates", "sent", "carrier", "confirmed"])
def test_a_sheet_that_its_journal_does_not_make(name: str) -> None:
    (_, held), (_, durable) = flown(), flown()
    assert selfaudit.fold(held, durable) is None
    match name:
        case "states":
            held.answer(1, HANDED_OVER, 30, "s", "")
        case "fates":
            held.leave(1, 2)
        case "sent":
            durable.sent = 2
        case "carrier":
            durable.carrier = None
        case _:
            held.confirmed.add(1)
    assert f"{name} of 1 are not" in str(selfaudit.fold(held, durable))


ALERT = replace(make_alert(), content={"nl": Text("Bel 101.")})


def made(text: str, sha256: str | None = None) -> Content:
    digest = hashlib.sha256(text.encode()).hexdigest() if sha256 is None else sha256
    return Content("sms", "nl", "warm", text, digest, Instant(0))


def test_a_text_that_is_not_what_was_accepted() -> None:
    """Another text, another hash, or another on disk; what is played from a recording has none."""
    other = replace(make_alert(), content={"nl": Text("Bel 112.")})
    assert selfaudit.content(ALERT, ALERT, [made("Bel 101."), made("")]) is None
    assert "on disk" in str(selfaudit.content(ALERT, other, []))
    assert "sms gets in nl" in str(selfaudit.content(ALERT, ALERT, [made("Bel 101!")]))
    assert "sms gets in nl" in str(selfaudit.content(ALERT, ALERT, [made("Bel 101.", "0" * 64)]))
