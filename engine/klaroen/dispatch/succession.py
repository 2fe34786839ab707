"""An alert in the place of earlier ones (`supersedes`, a CAP Update).

Law: it takes their place when it begins: at its acceptance, or at the word of whom it waited for, and never without it.
What they have not handed over stops before the disk is even asked, and goes on if it refuses; their end and the
newcomer's beginning are one commit. The newcomer goes to the networks of all, judged anew under its own rules.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import msgspec

from klaroen.core import policy
from klaroen.core.calls import Submit
from klaroen.core.errors import InputError
from klaroen.core.intake import Targets
from klaroen.core.model import Alert, AlertId, Mode, Token
from klaroen.core.refusals import refuse
from klaroen.core.views import AcceptedView
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.lifecycle import ending_as
from klaroen.dispatch.subjects import Subject, find_subject, subject_of

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
            raise refuse("invalid", "unknown_reference", at=REFERENCES)
        alerts.append(AlertId(_read(earlier[1]).id))
    return alerts


def find_earlier(desk: Desk, token: Token, alerts: Sequence[AlertId], mode: Mode, at: str) -> list[Subject]:
    """Return the alerts that are to be superseded, oldest first.

    Raises InputError at the field `at`: one is unknown, is of another mode (a drill must not stop the real thing), may
    not be stopped by this token, or all have been superseded already.
    """
    found = []
    for alert in with_forerunners(desk, alerts):
        try:
            subject = find_subject(desk, token, alert)
        except InputError:
            raise refuse("invalid", "unknown_alert", at=at) from None
        if not policy.may_act(token, "cancel", subject.alert, desk.register.snapshot):
            raise refuse("not-allowed", "not_yours_to_stop", at=at)
        if subject.alert.mode != mode:
            raise refuse("invalid", "other_mode", at=at, mode=mode, earlier=subject.alert.mode)
        found.append(subject)
    _check_places(found, at)
    return sorted(found, key=lambda one: one.alert.accepted_at)


def with_forerunners(desk: Desk, alerts: Sequence[AlertId]) -> list[AlertId]:
    """Return them, and before each that waits for somebody's word those whose place it would take: they go on still.

    Whoever corrects or withdraws it, means them too.
    """
    found: dict[AlertId, None] = {}
    for alert in alerts:
        opened = desk.alerts.get(alert)
        if opened is not None and opened.state == "awaiting_consent":
            found.update(dict.fromkeys(opened.alert.supersedes))
        found[alert] = None
    return list(found)


def check_places(desk: Desk, alert: Alert) -> None:
    """Raises InputError: while it waited, another alert has taken the place that it was to take."""
    _check_places([one for earlier in alert.supersedes if (one := subject_of(desk, earlier)) is not None], None)


def _check_places(earlier: Sequence[Subject], at: str | None) -> None:
    """Two corrections of one alert would contradict each other."""
    if earlier and all(subject.state == "superseded" for subject in earlier):
        raise refuse("state", "already_superseded", at=at)


def audiences(earlier: Sequence[Subject]) -> list[Targets]:
    """Return the networks of all of them, as targets."""
    networks = sorted({name for one in earlier for name in one.alert.networks})
    return [Targets(networks=tuple(networks))] if networks else []


@contextmanager
def superseding(desk: Desk, alert: Alert) -> Iterator[None]:
    """While the block lets the alert begin nothing leaves of those before it: they end with the block, or go on."""
    with ExitStack() as stack:
        for name in alert.supersedes:
            opened = desk.alerts.get(name)
            if opened is not None and not opened.final:
                stack.enter_context(ending_as(desk, opened, "superseded"))
        yield
