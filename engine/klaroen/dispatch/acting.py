"""What is done to alerts from outside: paused, resumed, cancelled, withdrawn by a CAP message.

Law: nothing leaves from the moment of the call on, before the disk has even been asked; if it refuses, all goes on.
"""

from klaroen.core import audit, calls, policy
from klaroen.core.errors import InputError, StoreUnavailableError
from klaroen.core.model import AlertState, Token
from klaroen.core.views import ActedView, HeardView, WithdrawnView
from klaroen.dispatch import succession
from klaroen.dispatch.accept import unavailable
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.lifecycle import stop
from klaroen.dispatch.subjects import find_subject


async def answer(desk: Desk, token: Token, question: calls.Act | calls.Withdraw) -> ActedView | HeardView:
    """Raises InputError."""
    if isinstance(question, calls.Act):
        return await act(desk, token, question)
    return await withdraw(desk, token, question)


async def act(desk: Desk, token: Token, question: calls.Act) -> ActedView:
    """Pause, resume or cancel. Idempotent; what is over stays as it is."""
    subject = find_subject(desk, token, question.alert)
    if not policy.may_act(token, question.verb, subject.alert, desk.register.snapshot):
        raise InputError("not-allowed", f"This token may not {question.verb} this alert.", rule="R8")
    opened = desk.alerts.get(question.alert)
    before = opened.state if opened is not None else subject.state
    target = next_state(before, question.verb)
    if opened is not None and target != before:
        now = desk.clock.now()
        deed = audit.changed(question.alert, target, token, now)
        opened.state = target  # nothing leaves from here on, before the disk has even been asked
        try:
            await desk.writer.write(desk.store.change, question.alert, target, now, deed, urgent=True)
        except StoreUnavailableError as error:
            opened.state = before
            raise unavailable("The store cannot write now.") from error
        if target == "cancelled":
            stop(desk, opened)
        desk.changed.add(question.alert)
        desk.push_bell.ring()
        desk.ring_stations()
    account = subject.account
    pending = account.counts[0] if target in ("paused", "cancelled") else 0
    stopped = pending + account.counts[5]
    return ActedView(target, account.handed_over_ever, stopped)


async def withdraw(desk: Desk, token: Token, question: calls.Withdraw) -> HeardView:
    """Cancel what a CAP message names, as far as it is not over. Raises InputError where all of it is."""
    named = dict.fromkeys(succession.of_keys(desk, token, question.references))
    for alert in named:
        mode = find_subject(desk, token, alert).alert.mode
        if mode != question.mode:  # a test must not stop the real thing
            words = f"An alert of mode {mode} is not cancelled by a message of mode {question.mode}."
            raise InputError("invalid", words, at="/alert/status")
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
        raise InputError("state", "Nothing is left to cancel: what it names is over.", at=succession.REFERENCES)
    return HeardView("cancelled", "Nothing more is handed over, and nothing is sent.", tuple(alerts))


def next_state(state: AlertState, verb: calls.Verb) -> AlertState:
    """Return the state that follows. Raises InputError: `state` where the verb makes no sense any more."""
    if verb == "cancel":
        if state in ("done", "expired", "superseded"):
            raise InputError("state", f"The alert is {state}.")
        return "cancelled"
    if state in ("done", "expired", "superseded", "cancelled"):
        raise InputError("state", f"The alert is {state}.")
    if verb == "pause":
        return "paused"
    return "sending" if state == "paused" else state
