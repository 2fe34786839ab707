"""The seven counts sum to the audience at every instant, and a restart derives the account that was kept up to date."""

from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.batches import ACME, CALL, SMS, make_audience, make_batch, make_group

from klaroen.core.account import Account
from klaroen.core.sheet import NEVER, WHOLE, Sheet
from klaroen.core.state import (
    BARRED,
    CANCELLED,
    ENDED,
    EXPIRED,
    FAILED,
    HANDED_OVER,
    MOVED,
    NETWORK,
    OPEN,
    REACHED,
    REACHED_BEFORE,
    REFUSED,
    UNKNOWN,
    UNSENT,
    MultipartRule,
)
from klaroen.dispatch.page import Page

REACHABLE = 6
PRICE = 0.5
AUDIENCE = make_audience(make_group(REACHABLE), make_group(2, reason="no_address"))

WORDS = ("fly", "answer", "answer", "accept", "prove", "prove", "reach", "leave", "withdraw", "commit")
picks = st.integers(0, 2**16)
events = st.tuples(
    st.sampled_from(WORDS),
    picks,
    picks,
    st.sampled_from([UNSENT, UNKNOWN, REFUSED, HANDED_OVER, HANDED_OVER, REACHED]),
    st.sampled_from([FAILED, NETWORK, REACHED]),
    st.sampled_from([MOVED, MOVED, ENDED, EXPIRED, CANCELLED, BARRED]),
)


class World:
    """One alert in dispatch's hands: its pages book what happens on sheets, account and journal in one breath."""

    def __init__(self, parts: int, rule: MultipartRule) -> None:
        self.opened = SimpleNamespace(account=Account(AUDIENCE))
        self.parts, self.rule, self.ms = parts, rule, 0
        self.pages: list[Page] = []
        self.blobs: list[list[bytes]] = []
        self.withdrawn: set[tuple[int, int]] = set()
        """Passed over: no carrier ever speaks of them."""
        self.odd = False
        """A receipt overtook its answer, or took back what it had said: the instants of hand-over are not compared."""
        self.begin(list(range(REACHABLE)))

    @property
    def account(self) -> Account:
        return self.opened.account

    def begin(self, deliveries: list[int], rung: int = 0) -> None:
        step = SMS if rung % 2 == 0 else CALL
        parts = self.parts if step is SMS else 1
        sheet = Sheet(make_batch(number=len(self.pages) + 1, deliveries=deliveries, step=step, parts=parts, rung=rung))
        self.account.plan(sheet)
        page = Page(cast(Any, self.opened), sheet)
        page.take(cast(Any, SimpleNamespace(name=ACME, cost_eur=PRICE, rule=self.rule)), 0)
        self.pages.append(page)
        self.blobs.append([])

    def happen(self, what: str, one: int, other: int, answer: int, proof: int, fate: int) -> None:
        self.ms += 7
        if what == "commit":
            self.commit()
            return
        page = self.pages[one % len(self.pages)]
        sheet, index = page.sheet, other % len(page.sheet)
        if what == "fly":
            page.fly(sheet.sent, min(sheet.left, 2), self.ms)
        elif index >= sheet.sent:
            return
        elif what == "leave":
            if sheet.fates[index] == OPEN and sheet.states[index] != REACHED:
                page.leave(index, fate)
                if fate == MOVED:
                    self.begin([sheet.deliveries[index]], page.batch.rung + 1)
        elif what == "answer":
            proved = sheet.proved_ms[index] != NEVER  # a carrier that waits for the handset sends no receipts
            page.answer(index, HANDED_OVER if proved else answer, self.ms, "", "")
        elif what == "accept":
            page.accept([index], ["ref"], self.ms)
        elif what == "withdraw":
            unspoken = sheet.answered_ms[index] == NEVER and sheet.proved_ms[index] == NEVER
            if unspoken and not sheet.states[index] and sheet.fates[index] == OPEN:
                page.withdraw(index, self.ms, REACHED_BEFORE, ENDED)
                self.withdrawn.add((page.batch.id, index))
        elif (page.batch.id, index) not in self.withdrawn:
            self.prove(page, index, WHOLE if what == "reach" else other % page.parts, proof)

    def commit(self) -> None:
        for page, blobs in zip(self.pages, self.blobs, strict=True):
            entry, _, _ = page.entry(self.ms)
            blobs += [entry.journal] if entry.journal else []

    def replay(self) -> list[Sheet]:
        """Return the sheets as a restart reads them."""
        self.commit()
        return [Sheet.thaw(page.batch, None, blobs) for page, blobs in zip(self.pages, self.blobs, strict=True)]

    def prove(self, page: Page, index: int, part: int, proof: int) -> None:
        before = page.sheet.states[index]
        if part == WHOLE:
            page.reach([index], self.ms)
        else:
            page.prove(index, part, proof, self.ms, "000")
        after = page.sheet.states[index]
        self.odd |= page.sheet.answered_ms[index] == NEVER or after < HANDED_OVER <= before


def image(account: Account, *, instants: bool) -> dict[str, object]:
    tallies = {
        channel: (tally.states, tally.flown, tally.cost_eur, tally.reach_ms)
        for channel, tally in account.tallies.items()
    }
    return {
        "states": bytes(account.states),
        "reached": bytes(account.reached),
        "counts": account.counts,
        "network_only": account.network_only,
        "confirmed": account.confirmed,
        "tallies": tallies,
        "instants": (account.first_ms, account.last_ms) if instants else None,
    }


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 2),
    st.sampled_from(["all", "first", "last", "any"]),
    st.lists(events, max_size=40),
    st.randoms(use_true_random=False),
)
def test_what_is_kept_up_to_date_is_what_a_restart_derives(
    parts: int, rule: MultipartRule, happened: list[tuple[str, int, int, int, int, int]], chance: Any
) -> None:
    """From the sheets in memory, from the journal's rows, and whatever the order of the batches."""
    world = World(parts, rule)
    for event in happened:
        world.happen(*event)
        assert len(AUDIENCE) == sum(world.account.counts)
        assert bytes(world.account.states).count(0) == world.account.count("pending")
    kept = image(world.account, instants=not world.odd)
    sheets, replayed = [page.sheet for page in world.pages], world.replay()
    chance.shuffle(replayed)
    assert kept == image(Account.rebuild(AUDIENCE, sheets), instants=not world.odd)
    assert kept == image(Account.rebuild(AUDIENCE, replayed), instants=not world.odd)


@settings(deadline=None)
@given(st.lists(events, max_size=40))
def test_who_was_reached_stays_so(happened: list[tuple[str, int, int, int, int, int]]) -> None:
    """Late proof is never undone, by no later answer, receipt, end or expiry."""
    world = World(1, "all")
    reached = 0
    for event in happened:
        world.happen(*event)
        assert reached <= world.account.count("reached")
        reached = world.account.count("reached")
    assert reached == sum(world.account.reached)


@settings(deadline=None)
@given(st.lists(events, max_size=40))
def test_a_closed_account_is_the_account(happened: list[tuple[str, int, int, int, int, int]]) -> None:
    world = World(2, "all")
    for event in happened:
        world.happen(*event)
    assert image(world.account, instants=True) == image(Account.reopen(AUDIENCE, world.account.close()), instants=True)


@settings(deadline=None)
@given(
    st.sampled_from(["all", "first", "last", "any"]),
    st.lists(events, max_size=30),
    st.lists(st.tuples(picks, picks, st.sampled_from([FAILED, NETWORK, REACHED])), max_size=10),
)
def test_a_closed_account_takes_late_receipts_as_an_open_one_does(
    rule: MultipartRule, happened: list[tuple[str, int, int, int, int, int]], late: list[tuple[int, int, int]]
) -> None:
    """One after the other, parts that change nothing of the whole included."""
    world = World(2, rule)
    for event in happened:
        world.happen(*event)
    account = Account.reopen(AUDIENCE, world.account.close())
    for one, other, proof in late:
        sheet = world.pages[one % len(world.pages)].sheet
        index = other % len(sheet)
        if sheet.answered_ms[index] == NEVER or (sheet.batch.id, index) in world.withdrawn:
            continue
        world.ms += 1_000
        old = sheet.states[index]
        if sheet.prove(index, other % sheet.batch.parts, proof, world.ms, "late"):
            account.prove(sheet, index, old)
        world.odd |= sheet.states[index] < HANDED_OVER <= old
    derived = Account.rebuild(AUDIENCE, [page.sheet for page in world.pages])
    assert image(derived, instants=not world.odd) == image(account, instants=not world.odd)
