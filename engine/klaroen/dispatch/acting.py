"""What is done to alerts from outside: paused, resumed, cancelled, consented to, withdrawn by a CAP message.

Law: what stops leaves nothing from the moment of the call on, before the disk has even been asked, and goes on if it
refuses; what a second person lets go leaves nothing before his word is durable.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Final

from klaroen.core import audit, calls, policy
from klaroen.core.account import CANCELLED_STATE, PENDING
from klaroen.core.errors import InputError, StoreUnavailableError
from klaroen.core.model import WAITING, Alert, AlertState, Authority, Token
from klaroen.core.phrases import word
from klaroen.core.refusals import refuse
from klaroen.core.views import ActedView, HeardView, WithdrawnView
from klaroen.dispatch import levels, succession
from klaroen.dispatch.accept import unavailable
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.lifecycle import ending_as
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.subjects import find_subject


async def answer(desk: Desk, token: Token, question: calls.Act | calls.Withdraw) -> ActedView | HeardView:
    """Raises InputError."""
    if isinstance(question, calls.Act):
        return await act(desk, token, question)
    return await withdraw(desk, token, question)


async def act(desk: Desk, token: Token, question: calls.Act) -> ActedView:
    """Do that to the alert. Idempotent; what is over stays as it is."""
    subject = find_subject(desk, token, question.alert)
    if not policy.may_act(token, question.verb, subject.alert, desk.register.snapshot):
        policy.demand(token, question.verb)
        raise refuse("not-allowed", why_not(question.verb, subject.alert))
    opened = desk.alerts.get(question.alert)
    if opened is None:
        target = next_state(subject.state, question.verb, subject.alert.authority)
    elif question.verb in DECIDES:
        async with desk.succession:  # of two words at once the second one finds what the first has done
            target = await _do(desk, token, opened, question.verb)
    else:
        target = await _do(desk, token, opened, question.verb)
    account = subject.account
    pending = account.counts[PENDING] if target in ("paused", "cancelled") else 0
    stopped = pending + account.counts[CANCELLED_STATE]
    return ActedView(target, account.handed_over_ever, stopped)


async def _do(desk: Desk, token: Token, opened: OpenAlert, verb: policy.Verb) -> AlertState:
    """Return the state that follows, once it is durable and holds. Raises InputError."""
    before = "expired" if opened.expired and opened.state == "awaiting_consent" else opened.state
    target = next_state(before, verb, opened.alert.authority)
    if target != before and verb in DECIDES:
        await _release(desk, token, opened, verb)
    elif target != before:
        await _change(desk, token, opened, verb, target)
    return target


async def _release(desk: Desk, token: Token, opened: OpenAlert, verb: policy.Verb) -> None:
    """A second person's word lets it go, in the place of what it supersedes, once that is durable."""
    now, alert = desk.clock.now(), opened.alert
    succession.check_places(desk, alert)
    deed = audit.released(alert, token, now, verb)
    try:
        with succession.superseding(desk, alert):
            await desk.writer.write(desk.store.release, alert, now, deed, urgent=True)
    except StoreUnavailableError as error:
        raise unavailable() from error
    if opened.state == "awaiting_consent":  # else somebody stopped it meanwhile
        opened.state = "accepted"
        opened.begun_at = max(opened.begun_at, now)
        levels.watch(desk, opened)
    _tell(desk, opened)


async def _change(desk: Desk, token: Token, opened: OpenAlert, verb: policy.Verb, target: AlertState) -> None:
    """What stops holds before the disk has even been asked, and what goes on once it is durable."""
    before, now, alert = opened.state, desk.clock.now(), opened.alert.id
    deed = audit.changed(alert, target, token, now, verb)
    held = ending_as(desk, opened, target) if target == "cancelled" else nullcontext()
    if target == "paused":
        opened.state = target
    try:
        with held:
            await desk.writer.write(desk.store.change, alert, target, now, deed, urgent=True)
    except StoreUnavailableError as error:
        if target == "paused" and opened.state == target:
            opened.state = before
        raise unavailable() from error
    if target != "cancelled" and opened.state == before:  # else somebody stopped it meanwhile
        opened.state = target
    _tell(desk, opened)


def _tell(desk: Desk, opened: OpenAlert) -> None:
    """Whoever waits for its turn or shows it is to look again."""
    desk.changed.add(opened.alert.id)
    desk.feed_bell.ring()
    desk.push_bell.ring()
    desk.ring_stations()


def why_not(verb: policy.Verb, alert: Alert) -> str:
    """Return the code of why a token whose role might do that may not do it to this alert."""
    if verb not in ("consent", "approve", "refuse"):
        return "verb_not_allowed"
    return "needs_officer" if alert.authority == "consent" else "needs_colleague"


async def withdraw(desk: Desk, token: Token, question: calls.Withdraw) -> HeardView:
    """Cancel what a CAP message names, as far as it is not over. Raises InputError where all of it is."""
    named = succession.with_forerunners(desk, succession.of_keys(desk, token, question.references))
    for alert in named:
        mode = find_subject(desk, token, alert).alert.mode
        if mode != question.mode:  # a test must not stop the real thing
            raise refuse("invalid", "other_mode", at="/alert/status", mode=question.mode, earlier=mode)
    alerts = []
    for alert in named:
        try:
            acted = await act(desk, token, calls.Act(alert, "cancel"))
        except InputError as error:
            if error.problem.name != "state":
                raise
            continue  # it is over
        alerts.append(WithdrawnView(alert, acted.state, acted.handed_over, acted.stopped))
    if not alerts:
        raise refuse("state", "nothing_to_cancel", at=succession.REFERENCES)
    return HeardView("cancelled", word("cap_cancelled"), tuple(alerts))


SENDING: Final[frozenset[AlertState]] = frozenset({"accepted", "sending", "paused"})
NEXT: Final[Mapping[policy.Verb, Mapping[AlertState, AlertState]]] = {
    "pause": {"accepted": "paused", "sending": "paused", "paused": "paused"},
    "resume": {"accepted": "accepted", "sending": "sending", "paused": "sending"},
    "cancel": dict.fromkeys((*SENDING, "awaiting_consent", "cancelled"), "cancelled"),
    "consent": {"awaiting_consent": "accepted", **{state: state for state in SENDING}},
    "approve": {"awaiting_consent": "accepted", **{state: state for state in SENDING}},
    "refuse": {"awaiting_consent": "cancelled", "cancelled": "cancelled"},
}
"""What is not here makes no sense in that state. What was said before may be said again."""
DECIDES: Final[Mapping[policy.Verb, Authority]] = {"consent": "consent", "approve": "approval"}


def next_state(state: AlertState, verb: policy.Verb, authority: Authority = "own") -> AlertState:
    """Return the state that follows. Raises InputError: `state` where the verb makes no sense (any more)."""
    target = NEXT[verb].get(state)
    if DECIDES.get(verb, authority) != authority or (verb == "refuse" and authority not in WAITING):
        raise refuse("state", "waits_for_nothing", rule="R24" if verb != "approve" else None)
    if target is None:
        raise refuse("state", "in_state", state=state)
    return target
