"""What became of each delivery, read from the journal: the attempts, their times and reasons, and the rules applied.

Law: this reads the store alone, in a thread of its own and in short transactions, so that an operator who pages
through a country costs dispatch nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from klaroen.core.account import STATES
from klaroen.core.audience import Audience
from klaroen.core.call_rows import cost_eur as call_eur
from klaroen.core.contacts import name_at
from klaroen.core.ids import attempt_ids
from klaroen.core.model import Alert, CarrierName, Instant, MemberId
from klaroen.core.phrases import rule_of, word
from klaroen.core.reasons import Attempted, chain
from klaroen.core.records import BatchRow, Store
from klaroen.core.rules import RULES, WordsLanguage
from klaroen.core.sheet import NEVER, Sheet
from klaroen.core.state import ATTEMPT_STATES, BARRED, HANDED_OVER, NETWORK, NONE, OPEN, REACHED, AttemptState
from klaroen.core.views import AttemptView, CallView, DeliveryView, DeliveryWhyView, WhyView, rfc3339

CALL_STATES: Final[frozenset[AttemptState]] = frozenset({"handed_over", "failed", "network", "reached"})
"""Those in which a call stands otherwise than a text."""


def call_code(sheet: Sheet, index: int, state: AttemptState) -> str:
    """Return how a call stands, as a code of `core.phrases`."""
    if index in sheet.confirmed:
        return "call_confirmed"
    ended = sheet.calls.ends.get(index)
    if state == "handed_over" and ended is not None:
        return "call_lost" if ended.lost else "call_over"
    if state == "handed_over" and index in sheet.calls.answers:
        return "call_playing"
    return f"call_{state}" if state in CALL_STATES else f"attempt_{state}"


class Journeys:
    """All attempts of one alert, by delivery."""

    def __init__(self, alert: Alert, audience: Audience, member_ids: Sequence[MemberId], history: "History") -> None:
        self._alert = alert
        self._audience = audience
        self._member_ids = member_ids
        self._rows: list[tuple[BatchRow, Sheet]] = []
        self._places: dict[int, list[tuple[int, int]]] = {}
        batches, journal = history
        tails: dict[int, list[bytes]] = {}
        for batch, blob in journal:
            tails.setdefault(batch, []).append(blob)
        for place, row in enumerate(sorted(batches, key=lambda one: one.batch.id)):
            sheet = Sheet.thaw(row.batch, None, tails.get(row.batch.id, ()))
            self._rows.append((row, sheet))
            for index, delivery in enumerate(sheet.deliveries):
                self._places.setdefault(delivery, []).append((place, index))

    def used(self, delivery: int, channel: str) -> bool:
        """Whether the delivery has an attempt on this channel."""
        return any(self._rows[place][0].batch.step.channel == channel for place, _ in self._places.get(delivery, ()))

    def view(self, delivery: int, state: int, language: WordsLanguage = "en") -> DeliveryView:
        group = self._audience.group(delivery)
        attempts = self._attempts(delivery, language)
        reached = [one.receipt_at or one.answered_at for one in attempts if one.state == "reached"]
        step, next_at = self._next(delivery)
        return DeliveryView(
            member=name_at(self._audience.members[delivery], self._member_ids, self._alert.contacts),
            networks=tuple(self._alert.networks[index] for index in group.networks),
            language=None if group.reason else group.language,
            state=STATES[state],
            reached_at=min((at for at in reached if at is not None), default=None),
            step=step,
            next_at=next_at,
            attempts=attempts,
        )

    def _attempts(self, delivery: int, language: WordsLanguage) -> tuple[AttemptView, ...]:
        """A resend after `Unknown` by the same carrier is the same attempt: one row, marked, that counts them."""
        views: dict[str, AttemptView] = {}
        for place, index in self._places.get(delivery, ()):
            row, sheet = self._rows[place]
            if row.carrier is None or index >= sheet.sent:
                continue
            view = self._attempt(row, row.carrier, sheet, index, language)
            earlier = views.get(view.id)
            views[view.id] = view if earlier is None else merge(earlier, view)
        return tuple(views.values())

    def _attempt(
        self, row: BatchRow, carrier: CarrierName, sheet: Sheet, index: int, language: WordsLanguage
    ) -> AttemptView:
        batch, state = row.batch, sheet.states[index]
        (attempt,) = attempt_ids(batch, carrier, [sheet.deliveries[index]])
        told = ATTEMPT_STATES[state]
        stands, cost_eur = f"attempt_{told}", sheet.price_eur if state >= HANDED_OVER else 0.0
        if sheet.is_call:
            stands, cost_eur = call_code(sheet, index, told), call_eur(sheet, index)
        return AttemptView(
            id=attempt,
            carrier=carrier,
            channel=batch.step.channel,
            state=told,
            outcome=outcome_of(state, answered=sheet.answered_ms[index] != NEVER),
            code=sheet.codes.get(index) or None,
            words=word(stands, language),
            submitted_at=self._at(sheet.flown_ms[index]),
            answered_at=self._at(sheet.answered_ms[index]),
            receipt_at=self._at(sheet.proved_ms[index]),
            segments=batch.parts,
            cost_eur=round(cost_eur, 4),
            possible_duplicate=batch.possible_duplicate,
            repeats=int(batch.possible_duplicate),
            call=self._call(sheet, index) if sheet.is_call else None,
        )

    def _call(self, sheet: Sheet, index: int) -> CallView:
        answered, ended = sheet.calls.answers.get(index), sheet.calls.ends.get(index)
        return CallView(
            clip_sha256=sheet.clip or None,
            answered_at=None if answered is None else self._at(answered.ms),
            ended_at=None if ended is None else self._at(ended.ms),
            talked_s=None if ended is None or ended.lost else ended.lasted_ms / 1000,
            confirmed=index in sheet.confirmed,
            said=sheet.calls.notes.get(index, ()),
        )

    def _at(self, ms: int) -> str | None:
        return rfc3339(Instant(self._alert.accepted_at + ms)) if ms != NEVER else None

    def _next(self, delivery: int) -> tuple[str | None, str | None]:
        """Return the step that is waited for or due, and when it is due or over."""
        for place, index in reversed(self._places.get(delivery, ())):
            row, sheet = self._rows[place]
            if sheet.fates[index] != OPEN or sheet.states[index] == REACHED:
                continue
            if sheet.states[index] in (HANDED_OVER, NETWORK):
                if sheet.is_call:  # it stands: when the next step follows is known when it is over
                    return row.batch.step.channel, None
                over = sheet.answered_ms[index] + int(row.batch.wait_s * 1000)
                return row.batch.step.channel, self._at(over)
            return row.batch.step.channel, rfc3339(row.batch.due_at)
        return None, None

    def why(self, delivery: int, view: DeliveryView, language: WordsLanguage) -> DeliveryWhyView:
        return DeliveryWhyView(
            view.member, view.networks, view.language, view.state, view.reached_at, view.step, view.next_at,
            view.attempts, tuple(self._chain(delivery, view, language)),
        )  # fmt: skip

    def _chain(self, delivery: int, view: DeliveryView, language: WordsLanguage) -> Iterator[WhyView]:
        """Yield the rules that decided, in the order in which they did, and what no rule says."""
        alert, group, accepted = self._alert, self._audience.group(delivery), rfc3339(self._alert.accepted_at)
        places = self._places.get(delivery, ())
        attempts = [Attempted(one.channel, one.submitted_at) for one in view.attempts]
        barred = any(self._rows[place][1].fates[index] == BARRED for place, index in places)
        number = self._audience.members[delivery]
        for rule, at in chain(alert, group, number, attempts, accepted, barred=barred):
            yield why(rule, language, at)
        if group.reason is not None:
            yield explained(f"unreachable_{group.reason}", language, accepted)
        for place, _ in places:
            row, sheet = self._rows[place]
            if sheet.calls.unspoken:
                yield explained("unspoken", language, None, channel=row.batch.step.channel)


History = tuple[Sequence[BatchRow], Sequence[tuple[int, bytes]]]


def why(rule: str, language: WordsLanguage, at: str | None) -> WhyView:
    row = RULES[rule]
    return WhyView(rule, row.article, row.words[language], at)


def explained(code: str, language: WordsLanguage, at: str | None, **about: str) -> WhyView:
    """Return a phrase of the chain, with the article of the rule that it rests on, if any."""
    rule = rule_of(code)
    return WhyView(rule, None if rule is None else RULES[rule].article, word(code, language, **about), at)


def merge(earlier: AttemptView, later: AttemptView) -> AttemptView:
    """Return two flights of one attempt as one: the better state, marked as possibly doubled if either is."""
    better = max(earlier, later, key=lambda one: ATTEMPT_STATES.index(one.state))
    return AttemptView(
        earlier.id, earlier.carrier, earlier.channel, better.state, better.outcome, better.code, better.words,
        earlier.submitted_at, better.answered_at, better.receipt_at, better.segments, better.cost_eur,
        earlier.possible_duplicate or later.possible_duplicate, earlier.repeats + later.repeats, better.call,
    )  # fmt: skip


def outcome_of(state: int, *, answered: bool) -> str | None:
    """Return what the carrier said at once, as far as the state still tells."""
    if not answered:
        return None
    return ATTEMPT_STATES[state] if NONE < state < HANDED_OVER else "accepted"


def read_journeys(store: Store, alert: Alert, audience: Audience, member_ids: Sequence[MemberId]) -> Journeys:
    """Read an alert's journal. Call it from a thread."""
    return Journeys(alert, audience, member_ids, store.history(alert.id))
