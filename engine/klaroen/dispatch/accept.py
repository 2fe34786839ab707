"""From a posted alert to a durable one.

Law: 202 means on disk, whole: the alert, its audience and the answer to its idempotency key go in one commit. The same
key gets the same answer, also while the first call is still under way.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Final

import msgspec
import trio
from msgspec import UNSET
from msgspec.structs import replace

from klaroen.core import admission, audit, follow_up
from klaroen.core.account import Account
from klaroen.core.audience import Audience
from klaroen.core.calls import FollowUp, Submit
from klaroen.core.crowd import PATIENT
from klaroen.core.errors import InputError, Problem, Saying, StoreUnavailableError
from klaroen.core.expand import Planner
from klaroen.core.ids import alert_id
from klaroen.core.intake import LIFE_S_MAX, LIFE_S_MIN, AlertRequest
from klaroen.core.model import Alert, AlertId, Authority, Instant, Language, Recorded, Token
from klaroen.core.phrases import rule_of, say
from klaroen.core.plan import Offer
from klaroen.core.records import IdempotencyKey
from klaroen.core.refusals import refuse
from klaroen.core.views import AcceptedView, RefusedNetwork, UnreachableCount, rfc3339
from klaroen.dispatch import ability, levels, succession
from klaroen.dispatch.audiences import Chosen, Following, find_audience, find_officers
from klaroen.dispatch.crowd import check_door, check_ground, check_room
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.lifecycle import open_alert
from klaroen.dispatch.meanwhile import catch_up
from klaroen.dispatch.open_alert import OpenAlert, sha256
from klaroen.dispatch.quieting import left_out
from klaroen.dispatch.subjects import Subject, find_subject

RETRY_AFTER_S: Final = 2.0
"""A supervised dispatch is back, and a disk has room again, within seconds."""

_encode = msgspec.msgpack.Encoder().encode


async def accept(desk: Desk, token: Token, submit: Submit | FollowUp) -> bytes:
    """Accept an alert once; return the AcceptedView as msgpack.

    Raises InputError: what policy refuses, `nobody`, `key-reused`, `unavailable`.
    """
    if desk.draining or not desk.store_works:
        raise unavailable("stopping" if desk.draining else "store_away")
    key = (token.name, submit.key)
    while (other := desk.accepting.get(key)) is not None:
        await other.wait()
    earlier = desk.store.answer(*key)
    if earlier is not None:
        fingerprint, answer = earlier
        if fingerprint != submit.fingerprint:
            raise InputError("key-reused", "This Idempotency-Key came with another body before.")
        return answer
    desk.accepting[key] = trio.Event()
    try:
        if isinstance(submit, FollowUp):
            return await _follow_up(desk, token, submit)
        async with desk.unhurried if submit.request.alert_class in PATIENT else nullcontext():
            return await _accept_new(desk, token, submit)
    except StoreUnavailableError as error:
        desk.store_fails(error)
        raise unavailable() from error
    finally:
        desk.accepting.pop(key).set()


def unavailable(code: str = "store_away") -> InputError:
    """Return the error that says, by a code of `core.phrases`, why it cannot be done now."""
    saying = (Saying(code),)
    return InputError.of(Problem("unavailable", say(saying), retry_after_s=RETRY_AFTER_S, saying=saying))


async def _accept_new(desk: Desk, token: Token, submit: Submit) -> bytes:
    request = submit.request
    check_life(submit.expires_at, desk.clock.now())
    if request.extends is not None:
        return await _accept_beside(desk, token, submit, (), _extended(desk, token, request))
    if request.supersedes is None and not submit.references:
        return await _accept_beside(desk, token, submit, ())
    async with desk.succession:
        named, at = succession.named(desk, token, submit)
        earlier = succession.find_earlier(desk, token, named, request.mode, at)
        return await _accept_beside(desk, token, submit, earlier)


async def _follow_up(desk: Desk, token: Token, question: FollowUp) -> bytes:
    """Whom the earlier alert reached, or did not, as it stands now; who is active no more is left out."""
    subject = find_subject(desk, token, question.alert)
    request = follow_up.as_alert(question.request, subject.alert)
    to = follow_up.choose(question.request.to, subject.audience.members, subject.account.states)
    submit = Submit(request, question.key, question.fingerprint, language=question.language)
    return await _accept_beside(desk, token, submit, (), Following(subject.alert.id, to))


def _extended(desk: Desk, token: Token, request: AlertRequest) -> Following:
    """Return who has been handed the alert that this one extends. Raises InputError."""
    assert request.extends is not None, "asked for what extends nothing"
    try:
        subject = find_subject(desk, token, AlertId(request.extends))
    except InputError:
        raise refuse("invalid", "unknown_alert", at="$.extends") from None
    if subject.alert.mode != request.mode:
        raise refuse("invalid", "other_mode", at="$.extends", mode=request.mode, earlier=subject.alert.mode)
    handed = follow_up.choose("handed_over", subject.audience.members, subject.account.states)
    return Following(subject.alert.id, handed, extends=True)


def check_life(expires_at: Instant | None, now: Instant) -> None:
    """Raises InputError where an instant is not between the shortest and the longest life of an alert."""
    if expires_at is None:
        return
    if expires_at < now + LIFE_S_MIN * 1000:
        raise refuse("invalid", "is_over", at="/alert/info/expires")
    if expires_at > now + LIFE_S_MAX * 1000:
        raise refuse("invalid", "lives_too_long", at="/alert/info/expires", seconds=str(LIFE_S_MAX))


async def _accept_beside(
    desk: Desk, token: Token, submit: Submit, earlier: Sequence[Subject], following: Following | None = None
) -> bytes:
    request, now = submit.request, desk.clock.now()
    admission.check_role(request.alert_class, token.role)
    check_door(desk, request)
    recording = find_recordings(desk, token, request)
    admitted = admission.admit(
        request,
        token,
        desk.register.snapshot,
        now,
        (*submit.places, *succession.audiences(earlier)),
        lambda network: desk.mandates.granted(network, token.coordinator_id, request.alert_class, now),
    )
    if following is None:
        check_ground(desk, request, tuple(admitted.networks), now)
    offer, unable = ability.offer_of(desk, request)
    chosen = find_audience(desk, request, admitted.networks, offer, following, now)
    audience = chosen.audience
    refused = tuple(RefusedNetwork(one.network, one.rule, one.reason, one.code) for one in admitted.refused)
    unreachable = audience.unreachable
    if sum(unreachable.values()) == len(audience):
        raise nobody(refused, unreachable)
    check_room(desk, request, len(audience))
    alert = make_alert(desk, token, request, admitted, audience, now)
    alert = replace(
        alert,
        recording=recording,
        supersedes=tuple(one.alert.id for one in earlier),
        follows=following.alert if following is not None and not following.extends else None,
        extends=following.alert if following is not None and following.extends else None,
        expires_at=submit.expires_at or alert.expires_at,
        contacts=chosen.contacts,
        through=chosen.through,
        hold_s=chosen.hold_s,
        confirm=alert.confirm or (bool(chosen.through) and request.is_urgent),
    )
    copy = copy_for_officers(desk, alert, request, offer)
    quiet = left_out(desk, request, admitted.networks, now)
    warnings = (*submit.notes, *unable, *quiet, *warnings_of(admitted, audience))
    if copy is None and alert.authority == "grant":
        warnings += (Saying("officers_untold"),)
    alert = replace(alert, warnings=tuple(say((one,), submit.language) for one in warnings))
    answer = _encode(accepted_view(alert, refused))
    record = IdempotencyKey(token.name, submit.key, submit.fingerprint)
    copies = () if copy is None else ((copy[0], copy[1].audience.encode(), audit.accepted(copy[0])),)
    begins = succession.superseding(desk, alert) if alert.begins_as == "accepted" else nullcontext()
    with begins:
        sequence = await desk.writer.write(
            desk.store.accept, alert, audience.encode(), answer, record, audit.accepted(alert), copies, urgent=True
        )
    begin(desk, alert, audience, chosen.planner, sequence)
    if copy is not None:
        begin(desk, copy[0], copy[1].audience, copy[1].planner, sequence + 1)
    for one in admitted.refused:
        desk.metrics.refused(one.rule)
    desk.metrics.alerts_accepted[alert.alert_class, alert.mode].inc()
    return answer


def copy_for_officers(desk: Desk, alert: Alert, request: AlertRequest, offer: Offer) -> tuple[Alert, Chosen] | None:
    """Return the copy that officers get at once of what is sent under a grant (R9), with whom it goes to."""
    if alert.authority != "grant":
        return None
    chosen = find_officers(desk, request, alert.networks, offer, alert.accepted_at)
    if chosen is None:
        return None
    copy = replace(
        alert,
        id=alert_id(desk.chance.randbytes(16)),
        authority="own",
        origin="copy",
        copy_of=alert.id,
        members=len(chosen.audience),
        unreachable=chosen.audience.unreachable,
        contacts=chosen.contacts,
        through=(),
        hold_s=0.0,
        confirm=False,
        supersedes=(),
        follows=None,
        extends=None,
        refused=(),
        not_located=(),
        warnings=(),
        language_fallbacks=chosen.audience.fallbacks,
    )
    return copy, chosen


def find_recordings(desk: Desk, token: Token, request: AlertRequest) -> dict[Language, Recorded]:
    """Return what calls play, by language. Raises InputError where this token has posted no such recording."""
    found = {}
    for language, name in request.recording.by_language().items():
        recording = desk.recorder.find(name, token.name) if desk.recorder is not None else None
        if recording is None:
            raise refuse("invalid", "no_recording", at=f"$.recording.{language}", language=language)
        found[language] = recording.as_played(request.alert_class)
    return found


def make_alert(
    desk: Desk, token: Token, request: AlertRequest, admitted: admission.Admitted, audience: Audience, now: Instant
) -> Alert:
    """Return the alert as it will stand for ever, with the plan versions that it is expanded by (R3)."""
    plans = desk.register.plans_at(now)
    return Alert(
        id=alert_id(desk.chance.randbytes(16)),
        alert_class=request.alert_class,
        mode=request.mode,
        content=request.content.by_language(),
        accepted_at=now,
        expires_at=Instant(now + request.lifetime_s * 1000),
        token=token.name,
        role=token.role,
        networks=admitted.networks,
        plan_versions=tuple(plans[name].version for name in admitted.networks),
        register_version=desk.register.snapshot.version,
        members=len(audience),
        unreachable=audience.unreachable,
        refused=admitted.refused,
        not_located=admitted.not_located,
        channels=request.channels,
        confirm=request.confirm,
        urgent=request.is_urgent,
        reference=request.reference,
        author=request.author,
        language_fallbacks=audience.fallbacks,
        authority=authority_of(desk, request, admitted, audience),
        coordinator=token.coordinator_id if token.role == "coordinator" else "",
    )


def warnings_of(admitted: admission.Admitted, audience: Audience) -> tuple[Saying, ...]:
    """Return what the sender is told of the targets, and of the languages in which people are warned (R16)."""
    fallbacks = audience.fallbacks
    return admitted.warnings + ((Saying("other_language", {"count": str(fallbacks)}),) if fallbacks else ())


def authority_of(desk: Desk, request: AlertRequest, admitted: admission.Admitted, audience: Audience) -> Authority:
    """Return what the alert rests on: where four eyes are configured, more than its sender's own right.

    A drill waits for nobody; a coordinator's message for an officer, as without a grant (R24).
    """
    above = getattr(desk.settings.four_eyes, request.alert_class)
    if request.mode == "drill" or above is None or len(audience) <= above:
        return admitted.authority
    return "approval" if admitted.authority == "own" else "consent"


def begin(desk: Desk, alert: Alert, audience: Audience, planner: Planner, sequence: int) -> OpenAlert:
    """Take an accepted alert into hand: it is expanded and expires."""
    steps = getattr(desk.settings.steps, alert.alert_class)
    opened = OpenAlert(alert, audience, Account(audience), planner, steps, alert.begins_as)
    opened.sequence = sequence
    open_alert(desk, opened)
    catch_up(desk, opened)
    levels.watch(desk, opened)
    return opened


def accepted_view(alert: Alert, refused: tuple[RefusedNetwork, ...]) -> AcceptedView:
    return AcceptedView(
        id=alert.id,
        alert_class=alert.alert_class,
        mode=alert.mode,
        state=alert.begins_as,
        accepted_at=rfc3339(alert.accepted_at) or "",
        expires_at=rfc3339(alert.expires_at) or "",
        durability="disk",
        members=alert.members,
        networks=len(alert.networks),
        refused=refused,
        not_located=alert.not_located,
        unreachable=UnreachableCount(sum(alert.unreachable.values()), alert.unreachable),
        content_sha256={language: sha256(text.text) for language, text in alert.content.items()},
        warnings=alert.warnings,
    )


def nobody(refused: tuple[RefusedNetwork, ...], unreachable: Mapping[str, int]) -> InputError:
    """Everybody is refused or cannot be reached: the alert is refused as a whole (R1, R10)."""
    count = sum(unreachable.values())
    saying = Saying("nobody_reachable", {"count": str(count)}) if count else Saying("nobody_active")
    problem = Problem(
        "nobody",
        say((saying,)),
        at=UNSET,
        rule=rule_of(saying.code) or UNSET,
        refused=[{"network": one.network, "rule": one.rule, "reason": one.reason, "code": one.code} for one in refused],
        unreachable={"count": count, "reasons": dict(unreachable)},
        saying=(saying,),
    )
    return InputError.of(problem)
