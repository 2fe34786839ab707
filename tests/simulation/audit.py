"""What must hold of every world at its end, whatever happened in it."""

from collections import Counter

from tests.simulation.world import World, gist

from klaroen.core.account import STATES, Account
from klaroen.core.books import COUNTRY, Place
from klaroen.core.model import Alert, AlertId
from klaroen.core.money import micros
from klaroen.dispatch.directory import column


def audit(world: World, *alerts: str) -> None:
    """Nobody lost, nobody doubled beyond what is reported, nothing altered, and the account is the journal's."""
    assert not world.desk.exposed, f"{world.desk.exposed} in doubt at the end"
    assert {} == world.desk.findings, "the auditor found something on the way"
    reported: Counter[str] = Counter()
    texts = set()
    copied = {(one.address, one.channel) for one in world.copies}
    for alert in alerts:
        row = world.desk.store.alert(AlertId(alert))
        assert row is not None
        addresses = column(world.desk, row.alert, "mobile")
        texts |= {text.text for text in row.alert.content.values()}
        account, audience = world.closed(alert), world.audience(alert)
        derived, kept = gist(world.rebuilt(alert)), gist(account)
        differing = {name: (one, kept[name]) for name, one in derived.items() if one != kept[name]}
        assert {} == differing, "the account is not what the journal makes"
        assert account.counts[0] == 0, "somebody is pending"
        assert sum(account.counts) == len(audience)
        audit_books(world, row.alert, account)
        journeys = world.journeys(alert)
        for delivery, number in enumerate(audience.members):
            view = journeys.view(delivery, account.states[delivery])
            by_text = [one for one in view.attempts if one.channel == "sms"]
            reported[addresses[number] or ""] += sum(1 + one.repeats for one in by_text)
            reached_by_text = any(one.state == "reached" for one in by_text)
            if reached_by_text:
                assert (addresses[number], "sms") in copied, "reached without a copy"
                assert STATES[account.states[delivery]] == "reached"
        end_s = world.at_s(row.alert.expires_at)
        late = [one for one in world.handed if one.envelope.content.text in texts and one.at > end_s]
        assert not late or len(alerts) > 1, f"{len(late)} handed over after expiry"
    counted = Counter(one.address for one in world.copies)
    doubled = {one: (count, reported[one]) for one, count in counted.items() if count > reported[one]}
    assert not doubled, f"more copies than were reported: {list(doubled.values())[:5]}"
    assert {one.text for one in world.copies} <= texts, "altered"


def audit_books(world: World, alert: Alert, account: Account) -> None:
    """The books say what the account says, of the whole; drills have none (R20, R21)."""
    row = world.desk.store.books.book(Place("country", COUNTRY), alert.accepted_at, alert.id)
    if alert.mode == "drill":
        assert row is None, "a drill in the books"
        return
    assert row is not None, "nothing in the books"
    assert row.book.counts == tuple(account.counts)
    assert sum(row.book.reach_ms.values()) == account.count("reached")
    assert row.book.confirmed <= account.confirmed
    spent = sum(micros(tally.cost_eur) for tally in account.tallies.values())
    assert abs(sum(row.book.costs) - spent) <= len(account.tallies), "money without an owner"


def assert_one_at_a_time(world: World) -> None:
    """Nobody got a second attempt before the first was answered."""
    last: dict[tuple[str, str], tuple[float, str]] = {}
    for one in world.handed:
        key = (one.envelope.address, one.envelope.content.text)
        if key in last:
            at, attempt = last[key]
            answers = [
                answered
                for end in world.ends.values()
                for answered, _ in end.answered.get(attempt, [])  # type: ignore[call-overload]
                if answered >= at
            ]
            assert answers, "a second attempt while the first had no answer"
            assert min(answers) <= one.at
        last[key] = (one.at, one.envelope.attempt)
