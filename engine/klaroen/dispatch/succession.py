"""An alert in the place of earlier ones (`supersedes`, a CAP Update).

Law: what they have not handed over stops before the disk is even asked, and goes on if it refuses; their end and the
newcomer's beginning are one commit. The newcomer goes to the networks of all, judged anew under its own rules.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from klaroen.core import policy
from klaroen.core.calls import Submit
from klaroen.core.errors import InputError
from klaroen.core.intake import Targets
from klaroen.core.model import Alert, AlertId, Mode, Token
from klaroen.core.views import AcceptedView
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.lifecycle import stop
from klaroen.dispatch.subjects import Subject, find_subject

REFERENCES: Final = "/alert/references"
"""Where a CAP message names others."""

_read = msgspec.msgpack.Decoder(AcceptedView).decode


def named(desk: Desk, token: Token, submit: Submit) -> tuple[list[AlertId], str]:
    """Return the alerts whose place a submission takes, and the field that names them. Raises InputError."""
    if submit.request.supersedes is not None:
        return [AlertId(submit.request.supersedes)], "$.supersedes"
    return of_keys(desk, token, submit.references), REFERENCES


def of_keys(desk: Desk, token: Token, keys: Sequence[str]) -> list[AlertId]:
    """Return the alerts that the token submitted under these keys. Raises InputError where it submitted none."""
    alerts = []
    for key in keys:
        earlier = desk.store.answer(token.name, key)
        if earlier is None:
            words = "It names a message that this token did not post here, or more than 30 days ago."
            raise InputError("invalid", words, at=REFERENCES)
        alerts.append(AlertId(_read(earlier[1]).id))
    return alerts


def find_earlier(desk: Desk, token: Token, alerts: Sequence[AlertId], mode: Mode, at: str) -> list[Subject]:
    """Return the alerts that are to be superseded, oldest first.

    Raises InputError at the field `at`: one is unknown, is of another mode (a drill must not stop the real thing), may
    not be stopped by this token, or all have been superseded already.
    """
    found = []
    for alert in dict.fromkeys(alerts):
        try:
            subject = find_subject(desk, token, alert)
        except InputError:
            raise InputError("invalid", "It names an alert that is not known here.", at=at) from None
        if not policy.may_act(token, "cancel", subject.alert, desk.register.snapshot):
            raise InputError("not-allowed", "This token may not stop the alert that it names.", at=at, rule="R8")
        if subject.alert.mode != mode:
            words = f"An alert of mode {mode} cannot take the place of one of mode {subject.alert.mode}."
            raise InputError("invalid", words, at=at)
        found.append(subject)
    if found and all(subject.state == "superseded" for subject in found):
        raise InputError("state", "It has been superseded already: name the alert that took its place.", at=at)
    return sorted(found, key=lambda one: one.alert.accepted_at)


def audiences(earlier: Sequence[Subject]) -> list[Targets]:
    """Return the networks of all of them, as targets."""
    networks = sorted({name for one in earlier for name in one.alert.networks})
    return [Targets(networks=tuple(networks))] if networks else []


@contextmanager
def superseding(desk: Desk, alert: Alert) -> Iterator[None]:
    """While the block accepts the alert nothing leaves of those before it; it ends with the block, or goes on."""
    found = [desk.alerts.get(name) for name in alert.supersedes]
    stopped = [(one, one.state) for one in found if one is not None and not one.final]
    for opened, _ in stopped:
        opened.state = "superseded"
    try:
        yield
    except BaseException:
        for opened, before in stopped:
            opened.state = before
        desk.ring_stations()
        raise
    for opened, _ in stopped:
        stop(desk, opened)
    if stopped:
        desk.push_bell.ring()
        desk.ring_stations()
