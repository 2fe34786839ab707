"""Who asks at every commit, hand-over and receipt whether what was promised holds.

Law: facts come from outside; a promise that is broken ends the world at once, with its name.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, cast

from msgspec import Struct

from klaroen.core.account import Account
from klaroen.core.model import CALL_CHANNELS, Alert, AlertId, AttemptId, CarrierName, Instant
from klaroen.core.ports import Answer, Call, Event, Receipt, Reply
from klaroen.core.records import Entry, Standing
from klaroen.core.sheet import Sheet
from klaroen.core.state import HANDED_OVER, OPEN, REACHED
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.directory import column
from klaroen.dispatch.kept import read_kept
from klaroen.dispatch.page import Page
from klaroen.testing.ear import Write
from klaroen.testing.far_end import FarEnd, Handed
from klaroen.testing.reckoning import gist
from klaroen.testing.simulator import invariants as promises
from klaroen.testing.simulator.chronicle import Chronicle
from klaroen.testing.simulator.facts import Closed, Covered, Ended, HandOver, Proved, Tallied
from klaroen.testing.simulator.heard import Heard
from klaroen.testing.simulator.meter import Meter
from klaroen.testing.simulator.queue import Turns
from klaroen.testing.simulator.rulings import Rulings
from klaroen.testing.simulator.shadow import BatchShadow, Shadow, standing_of
from klaroen.testing.simulator.tried import Tried, prior_of
from klaroen.testing.simulator.warrants import copied, kinships, owing, warrant
from klaroen.testing.world import World


class Breach(BaseException):
    """A promise was broken."""

    def __init__(self, promise: str, facts: str) -> None:
        super().__init__(promise, facts)
        self.promise = promise
        self.facts = facts


def demand(promise: Callable[..., bool], *facts: object) -> None:
    """Raises Breach."""
    if not promise(*facts):
        raise Breach(promise.__name__, " ".join(map(repr, facts)))


class Watch:
    """The ear of one world."""

    def __init__(self, chronicle: Chronicle) -> None:
        self.chronicle = chronicle
        self.shadow = Shadow()
        self.tried: dict[AttemptId, Tried] = {}
        self._rulings = Rulings()
        self._handed: defaultdict[AlertId, set[int]] = defaultdict(set)
        """Whom a far end was handed each alert for, by number."""
        self.answered: list[str] = []
        """Alerts that somebody was told are accepted."""
        self._heard = Heard()
        self._last: dict[tuple[AlertId, int], Tried] = {}
        self._copies: dict[tuple[AlertId, int, str], int] = defaultdict(int)
        self._meters: dict[CarrierName, Meter] = {}
        self._turns: dict[CarrierName, Turns] = {}
        self._world: World
        self._life = 0
        self._amended: dict[AlertId, Instant] = {}
        """When the account of an alert that is over was last written: what is shown follows within the instant."""
        self._began_at = Instant(0)

    @property
    def _desk(self) -> Desk:
        return self._world.desk

    # --- lives ------------------------------------------------------------------------------------------------------

    def began(self, world: World, standing: Standing) -> None:
        self._world = world
        self._life += 1
        self._began_at = world.clock.now()
        self.chronicle.tell("began", self._life, len(standing.alerts), len(standing.batches))
        for settings in world.settings.carrier:
            self._meters.setdefault(settings.name, Meter(settings.paced_per_s, settings.lines_max)).begin()
        self._turns = {name: Turns() for name in world.desk.stations}
        outliving = {one.name for one in world.settings.carrier if one.lines_max and one.calls_outlive_us}
        for tried in self.tried.values():  # what the journal does not have, nobody knows any more
            sheet = tried.batch.sheet
            tried.judged = sheet.fates[tried.index] != OPEN
            if not sheet.answered_ms[tried.index]:
                tried.outcome = None
            elif tried.batch.carrier in outliving and sheet.states[tried.index] >= HANDED_OVER and not tried.ended:
                self._meters[tried.batch.carrier].calls.add(tried.attempt)
        durable = [row.alert.id for row in standing.alerts] + [
            alert for alert, one in self.shadow.alerts.items() if one.final is not None
        ]
        demand(promises.nothing_accepted_is_lost, self.answered, durable)
        tails = defaultdict[int, list[bytes]](list)
        for batch, tail in standing.journal:
            tails[batch].append(tail)
        for row in standing.batches:
            sheet = Sheet.thaw(row.batch, row.snapshot, tails[row.batch.id])
            read = (row.state, row.epoch, row.cursor, row.carrier, *standing_of(sheet))
            demand(promises.what_was_written_is_read_again, read, self.shadow.batches[row.batch.id].row)
        self._compare()

    # --- commits ----------------------------------------------------------------------------------------------------

    def committed(self, writes: Sequence[Write]) -> None:
        for method, args in writes:
            self.chronicle.tell(method, *[one for one in args if isinstance(one, str | int)])
            self._follow(method, args)
        most = self._world.settings.dispatch.unjournaled_max
        demand(promises.what_is_in_doubt_is_bounded, Covered(self.shadow.in_doubt, most))
        entered = {entry.batch for method, args in writes if method == "append" for entry in cast(list[Entry], args[0])}
        self._compare([page for page in self._desk.writing if page.batch.id not in entered])

    def _follow(self, method: str, args: Sequence[Any]) -> None:
        shadow = self.shadow
        match method:
            case "accept":
                shadow.accept(args[0], args[1], args[5] if len(args) > 5 else ())
                self._accepted(args[0], args[5] if len(args) > 5 else ())
            case "decree":
                self._rulings.decree(*args[:3])
            case "replies.put":
                self._rulings.keep(args[0])
            case "plan":
                demand(promises.expansion_leaves_nobody_out, shadow.plan(*args[:3]))
            case "claim":
                shadow.claim(args[0], args[3], args[4])
            case "receive":
                shadow.inbox.update((args[0], row.state, row.ref, row.attempt, row.part) for row in read_kept(args[1]))
            case "append":
                self._appended(args[0])
            case "change":
                shadow.alerts[args[0]].state = args[1]
            case "release":
                shadow.release(args[0])
            case "close":
                self._closed(*args[:3])
            case "amend":
                shadow.amend(*args[:3])
                self._amended[args[0]] = self._world.clock.now()
                self._account(args[0], args[1])

    def _accepted(self, alert: Alert, copies: Sequence[tuple[Alert, bytes, object]]) -> None:
        opened, rulings = self.shadow.alerts[alert.id], self._rulings
        opened.granted = rulings.is_granted(alert)
        demand(promises.officers_get_their_copy, copied(alert, copies))
        for kin in kinships(rulings, self.shadow.alerts, alert, self._handed):
            demand(promises.corrections_go_to_whom_they_concern, kin)
        if alert.origin == "reply":
            ids = self._desk.register.snapshot.member_ids
            for answering in rulings.answer(ids[member] for member in opened.audience.members):
                demand(promises.a_reply_is_answered_once, answering)

    def _appended(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.chronicle.tell("entry", entry.batch, entry.state, entry.cursor, len(entry.journal))
            for fact in self.shadow.append(entry):
                if isinstance(fact, Ended):
                    demand(promises.a_batch_ends_when_nobody_waits, fact)
                else:
                    demand(promises.everybody_has_one_place, fact)
            self._proved(self.shadow.batches[entry.batch])

    def _proved(self, batch: BatchShadow) -> None:
        sheet = batch.sheet
        if not sheet.carrier or batch.batch.mode == "drill" or REACHED not in sheet.states:
            return
        for attempt, state in zip(batch.ids, sheet.states, strict=True):
            if state == REACHED:
                best = self._heard.best(attempt, bytes(batch.batch.parts), sheet.rule)
                demand(promises.reached_means_proof, Proved(attempt, REACHED, best, sheet.rule))

    def _compare(self, writing: Sequence[Page] = ()) -> None:
        """Where nothing waits for a commit, what is shown is what is durable."""
        desk, now = self._desk, self._world.clock.now()
        queued = {page.opened.alert.id for page in (*desk.queue, *writing)}
        for name, opened in desk.alerts.items():
            if name not in queued and self._amended.get(name) != now:
                one = self.shadow.alerts[name]
                demand(promises.counters_equal_the_fold, Tallied(opened.account.counts, one.counts, len(one.audience)))
        crashed = [station.words for station in desk.stations.values() if "crashed" in station.words]
        demand(promises.nothing_of_ours_breaks, "; ".join([*crashed, *desk.findings.values()]))

    def _closed(self, alert: AlertId, state: str, final: bytes) -> None:
        one = self.shadow.alerts[alert]
        one.state, one.final = state, final
        self._account(alert, final)

    def _account(self, alert: AlertId, final: bytes) -> None:
        one = self.shadow.alerts[alert]
        closed = Account.reopen(one.audience, final)
        folded = Account.rebuild(one.audience, [batch.sheet for batch in one.batches])
        demand(promises.closing_accounts_are_the_journal, Closed(gist(closed), gist(folded), closed.counts[0]))
        demand(promises.counters_equal_the_fold, Tallied(closed.counts, one.counts, len(one.audience)))

    # --- hand-overs -------------------------------------------------------------------------------------------------

    def took(self, end: FarEnd, handed: Handed, copies: int) -> None:
        envelope = handed.envelope
        attempt, parts = envelope.attempt, envelope.content.parts
        self.chronicle.tell("took", end.name, attempt, envelope.address, copies)
        found = self.shadow.attempts.get(attempt)
        demand(promises.what_leaves_is_covered, self._fact(end, handed, *found) if found else _STRANGER)
        assert found is not None, "a stranger is covered"
        batch, index = found
        fact = self._fact(end, handed, batch, index)
        channel, delivery = batch.batch.step.channel, batch.sheet.deliveries[index]
        rests = warrant(self._rulings, batch.opened, delivery, channel, self._desk.settings.four_eyes, fact.at)
        for ruling in (
            promises.nothing_leaves_without_a_word,
            promises.a_grant_that_is_gone_carries_nothing,
            promises.a_stopped_network_gets_nothing,
            promises.who_wants_none_gets_nothing_cold,
        ):
            demand(ruling, rests)
        for promise in (
            promises.whoever_leaves_stands_there,
            promises.the_last_attempt_is_settled,
            promises.doubles_are_said_beforehand,
            promises.the_reached_are_left_alone,
            promises.what_arrives_is_what_was_posted,
            promises.nothing_leaves_that_was_stopped,
            promises.drills_stay_inside,
        ):
            demand(promise, fact)
        meter = self._meters[end.name]
        load = meter.load(parts, end.window)
        demand(promises.no_carrier_above_its_rate, load)
        demand(promises.no_carrier_above_its_window, load)
        is_call = envelope.content.channel in CALL_CHANNELS
        if is_call and attempt not in meter.calls:
            demand(promises.no_carrier_above_its_lines, load)
            meter.calls.add(attempt)
        station, lane = self._desk.stations[end.name], batch.batch.alert_class
        demand(promises.lanes_keep_their_order, self._turns[end.name].book(self._desk, station, lane, parts, fact.at))
        meter.tokens -= parts
        meter.unanswered[attempt] = parts
        batch.left.add(index)
        self._handed[batch.batch.alert].add(batch.opened.audience.members[delivery])
        key = (batch.batch.alert, delivery)
        tried = self.tried.setdefault(attempt, Tried(attempt, batch, index, self._life))
        tried.batch, tried.index, tried.life = batch, index, self._life
        tried.outcome, tried.ended, tried.failed, tried.judged = None, False, False, False
        self._last[key] = tried
        self._copies[*key, batch.batch.step.channel] += copies

    def _fact(self, end: FarEnd, handed: Handed, batch: BatchShadow, index: int) -> HandOver:
        envelope, alert = handed.envelope, batch.opened.alert
        delivery = batch.sheet.deliveries[index]
        step = batch.batch.step
        prior = self._last.get((alert.id, delivery))
        settings = self._desk.stations[end.name].settings
        is_known = settings.keyed and envelope.attempt in self.tried
        steps = getattr(self._desk.settings.steps, alert.alert_class)
        numbers = column(self._desk, alert, step.address)
        return HandOver(
            at=self._world.clock.now(),
            attempt=envelope.attempt,
            carrier=end.name,
            keyed=settings.keyed,
            life=self._life,
            life_began_at=self._began_at,
            batch=batch.batch.id,
            index=index,
            leased=batch.state == "leased" and batch.carrier == end.name,
            cursor=batch.cursor,
            left_before=index in batch.left,
            place=batch.opened.places[delivery],
            reached=bool(batch.opened.reached[delivery]),
            possible_duplicate=batch.batch.possible_duplicate,
            state=batch.opened.state,
            expires_at=alert.expires_at,
            mode=alert.mode,
            grace_ms=int(steps.grace_s * 1000),
            text=envelope.content.text,
            posted=alert.content[batch.batch.language].text,
            address=envelope.address,
            number=numbers[batch.opened.audience.members[delivery]] or "",
            copies_before=self._copies[alert.id, delivery, step.channel] * (not is_known),
            prior=None if prior is None else prior_of(prior),
        )

    # --- what carriers say ------------------------------------------------------------------------------------------

    def said(self, end: FarEnd, events: Sequence[Event]) -> None:
        meter, now = self._meters[end.name], self._world.clock.now()
        for event in events:
            if isinstance(event, Answer):
                self.chronicle.tell("answer", end.name, event.attempt, type(event.outcome).__name__)
                if meter.unanswered.pop(event.attempt, None) is None:
                    continue  # after its deadline
                tried = self.tried[event.attempt]
                tried.outcome, tried.answered_at = event.outcome, now
                if type(event.outcome).__name__ not in ("Accepted", "Delivered"):
                    meter.calls.discard(event.attempt)
            elif isinstance(event, Call):
                self.chronicle.tell("call", end.name, event.attempt, event.phase)
                if event.phase == "ended":
                    meter.calls.discard(event.attempt)
                    self.tried[event.attempt].ended = True
            elif isinstance(event, Receipt):
                self.chronicle.tell("receipt", end.name, event.state, event.ref, event.attempt)
                self._heard.hear(end, event, self.tried)

    def acknowledged(self, end: FarEnd, receipts: Sequence[Receipt], *, stored: bool) -> None:
        if not stored:
            return
        keys = [(end.name, one.state, one.ref, one.attempt, one.part) for one in receipts]
        demand(promises.receipts_are_kept_before_they_are_acknowledged, keys, self.shadow.inbox)
        self._heard.acknowledge(end, receipts, self.tried)

    def kept(self, replies: Sequence[Reply]) -> None:
        for one in replies:
            self.chronicle.tell("kept", one.address)
            self._rulings.told(one)
            owed = owing(self.shadow.alerts.values(), self._desk.register, one, self._world.clock.now())
            kept = self._rulings.replies
            demand(promises.receipts_are_kept_before_they_are_acknowledged, [(name, one.text) for name in owed], kept)

    def said_farewell(self, link: str) -> None:
        """Somebody was told that he gets no cold mails any more."""
        for address in {one.envelope.address for one in self._world.handed if one.envelope.farewell == link}:
            self._rulings.farewell(address)

    # --- the end ----------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """What holds of a world that is over."""
        for fact in self._heard.proofs(self.shadow, self.tried):
            demand(promises.proof_is_never_forgotten, fact)


class _Stranger(Struct, frozen=True):
    """What leaves without anybody having claimed it."""

    leased: bool = False
    index: int = 0
    cursor: int = 0
    left_before: bool = False


_STRANGER = _Stranger()
