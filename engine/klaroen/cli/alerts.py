"""`klaroen alert`: the HTTP API from a shell."""

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote, urlencode

from cyclopts import App, Parameter

from klaroen.cli.context import USAGE, CommandFault, Context, Here
from klaroen.core.model import AlertClass, AlertState

if TYPE_CHECKING:
    from klaroen.cli.remote import Remote

BODY_BYTES_MAX: Final = 5 * 1024 * 1024
"""The API takes 1 MiB of JSON, 5 MiB of CAP."""
COUNTS: Final = ("pending", "handed_over", "reached", "failed", "expired", "cancelled", "unreachable")

alert = App(
    name="alert",
    help="Send and follow alerts over HTTP: KLAROEN_URL (http://127.0.0.1:8080) with the token KLAROEN_TOKEN.",
)


@alert.command
def send(file: Annotated[Path, Parameter(allow_leading_hyphen=True)], *, key: str | None = None, context: Here) -> None:
    """Send an alert, and print what became of it.

    While the system does not answer it is sent again, with the same idempotency key: it is accepted once.

    Parameters
    ----------
    file
        The alert as JSON, or a CAP 1.2 message; - reads it from stdin.
    key
        The idempotency key of an earlier try that was given up; else a new one is made. A CAP message has its own.
    """
    body = _body(file)
    key = key or secrets.token_hex(16)
    kind = "application/cap+xml" if body.lstrip()[:1] == b"<" else "application/json"
    try:
        accepted = _api(context).call("POST", "/v1/alerts", body, {"Content-Type": kind, "Idempotency-Key": key})
    except CommandFault as fault:
        if "given_up" not in fault.details:
            raise
        words = f"{fault}\nIt may have been accepted. To try again without sending it twice: --key {key}"
        raise CommandFault(words, code=fault.code, details={"idempotency_key": key}) from None
    if "heard" in accepted:  # a CAP message by which nobody is warned
        stopped = [f"  {one['id']} {one['state']}: {one['handed_over']} handed over" for one in accepted["alerts"]]
        context.answer(accepted, f"{accepted['heard']}: {accepted['reason']}", *stopped)
        return
    refused = [f"  refused {one['network']} ({one['rule'] or '-'}): {one['reason']}" for one in accepted["refused"]]
    warnings = [f"  {words}" for words in accepted["warnings"]]
    mode = "" if accepted["mode"] == "live" else f" ({accepted['mode']})"
    reach = f"{accepted['members']} members of {accepted['networks']} networks"
    people = f"{accepted['id']} {accepted['state']}{mode}: {reach}"
    context.answer(accepted, people, *refused, *warnings)


@alert.command
def forecast(file: Annotated[Path, Parameter(allow_leading_hyphen=True)], *, context: Here) -> None:
    """Tell what an alert would come to, were it sent now: whom, by what, when, at what cost. Nothing is sent.

    Parameters
    ----------
    file
        The alert as JSON; - reads it from stdin.
    """
    told = _api(context).call("POST", "/v1/forecasts", _body(file), {"Content-Type": "application/json"})
    refused = [f"  refused {one['network']} ({one['rule'] or '-'}): {one['reason']}" for one in told["refused"]]
    channels = [
        f"  {name}: {one['members']} members, {one['segments']} segments, € {one['cost_eur']:.2f}"
        for name, one in told["channels"].items()
    ]
    people = (
        f"{told['members']} members of {told['networks']} networks, {told['unreachable']['count']} unreachable, "
        f"€ {told['cost_eur']:.2f}"
    )
    times = [
        f"  {words}: {_times(told[name])}"
        for name, words in (("handed_over_s", "handed over"), ("reached_s", "reached"))
    ]
    context.answer(told, people, *channels, *times, *refused, *(f"  {words}" for words in told["warnings"]))


def _times(percentiles: Mapping[str, float | None]) -> str:
    half, most = percentiles["p50"], percentiles["p99"]
    return "not known" if half is None or most is None else f"half within {half:g} s, 99 of 100 within {most:g} s"


@alert.command
def show(alert: str, *, follow: Annotated[bool, Parameter(negative="")] = False, context: Here) -> None:
    """Show how an alert stands.

    Parameters
    ----------
    alert
        The alert's id.
    follow
        Go on showing it as it changes, until its end. With --json only the end is printed.
    """
    from klaroen.cli.following import follow_alert

    api = _api(context)
    path = f"/v1/alerts/{quote(alert, safe='')}"
    if not follow:
        status = api.call("GET", path)
    else:
        status = follow_alert(api, path, lambda one: None if context.json else context.answer(one, _line(one)))
    context.answer(status, *_lines(status))


@alert.command(name="list")
def list_alerts(
    *,
    class_: Annotated[AlertClass | None, Parameter(name="--class")] = None,
    state: AlertState | None = None,
    zone: str | None = None,
    missing_feedback: Annotated[bool, Parameter(negative="")] = False,
    before: str | None = None,
    context: Here,
) -> None:
    """List the alerts that the token may see, newest first, a page at a time.

    Parameters
    ----------
    class_
        Of this class alone.
    state
        In this state alone.
    zone
        To networks of this zone alone.
    missing_feedback
        Warm alerts of the last month alone that were over a day ago and that no follow-up was sent to (R18).
    before
        `next` of the page before.
    """
    given = {"class": class_, "state": state, "zone": zone, "before": before}
    query = {name: value for name, value in given.items() if value is not None}
    query |= {"feedback": "missing"} if missing_feedback else {}
    page = _api(context).call("GET", "/v1/alerts" + (f"?{urlencode(query)}" if query else ""))
    head = ("id", "class", "mode", "state", "accepted", "members", "reached", "reference")
    fields = ("id", "class", "mode", "state", "accepted_at", "members", "reached", "reference")
    context.table(page, head, [[one[field] for field in fields] for one in page["items"]])
    if page["next"] is not None and not context.json:
        context.say(f"There are more: --before {page['next']}")


@alert.command
def pause(alert: str, *, context: Here) -> None:
    """Hand over nothing more of an alert until it is resumed.

    Parameters
    ----------
    alert
        The alert's id.
    """
    _act(context, alert, "pause")


@alert.command
def resume(alert: str, *, context: Here) -> None:
    """Go on with a paused alert.

    Parameters
    ----------
    alert
        The alert's id.
    """
    _act(context, alert, "resume")


@alert.command
def cancel(alert: str, *, context: Here) -> None:
    """Stop an alert for good: what is not handed over stays unsent.

    Parameters
    ----------
    alert
        The alert's id.
    """
    _act(context, alert, "cancel")


@alert.command
def consent(alert: str, *, context: Here) -> None:
    """Consent to a coordinator's message that waits: it is sent as it stands (R24).

    Parameters
    ----------
    alert
        The alert's id.
    """
    _act(context, alert, "consent")


@alert.command
def approve(alert: str, *, context: Here) -> None:
    """Approve a colleague's alert that waits for a second person.

    Parameters
    ----------
    alert
        The alert's id.
    """
    _act(context, alert, "approve")


@alert.command
def refuse(alert: str, *, context: Here) -> None:
    """Refuse an alert that waits for consent or approval: it is never sent.

    Parameters
    ----------
    alert
        The alert's id.
    """
    _act(context, alert, "refuse")


@alert.command
def why(alert: str, member: str, *, context: Here) -> None:
    """Tell what one member got, when, by which channel, and by which rule.

    Parameters
    ----------
    alert
        The alert's id.
    member
        The member's id.
    """
    told = _api(context).call("GET", f"/v1/alerts/{quote(alert, safe='')}/deliveries/{quote(member, safe='')}")
    attempts = [
        f"  {one['submitted_at'] or '-'} {one['channel']} {one['carrier']}: {one['words']}"
        + (f" ({one['code']})" if one["code"] else "")
        for one in told["attempts"]
    ]
    reasons = [
        " ".join(part for part in ("  " + (one["rule"] or "-"), f"({one['article'] or '-'})", one["words"]) if part)
        for one in told["why"]
    ]
    context.answer(told, f"{told['member']}: {told['state']}", *attempts, *reasons)


def _api(context: Context) -> "Remote":
    from klaroen.cli.remote import Remote

    return Remote(context.environ)


def _act(context: Context, alert: str, verb: str) -> None:
    """The three verbs are idempotent by themselves: repeating them needs no key."""
    told = _api(context).call("POST", f"/v1/alerts/{quote(alert, safe='')}/{verb}", b"")
    context.answer(told, f"{alert} {told['state']}: {told['handed_over']} handed over, {told['stopped']} stopped")


def _line(status: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{status[name]} {name}" for name in COUNTS if status[name])
    mode = "" if status["mode"] == "live" else f" ({status['mode']})"
    return f"{status['as_of']} {status['state']}{mode}: {counts or 'nobody yet'} of {status['members']}"


def _lines(status: Mapping[str, Any]) -> list[str]:
    head = f"{status['id']} {status['class']} {status['mode']}, accepted {status['accepted_at']}"
    channels = [
        f"  {name}: {one['handed_over']} handed over, {one['reached']} reached, {one['failed']} failed{_calls(one)}"
        for name, one in status["channels"].items()
    ]
    return [head, _line(status), *channels]


def _calls(channel: Mapping[str, Any]) -> str:
    calls = channel.get("calls")
    if not calls:
        return ""
    return f"; {calls['ringing']} ringing, {calls['talking']} talking, {calls['answered']} answered"


def _body(file: Path) -> bytes:
    if str(file) != "-" and str(file).startswith("-"):
        raise CommandFault(f"There is no option {file}.", code=USAGE)
    try:
        if str(file) == "-":
            body = sys.stdin.buffer.read(BODY_BYTES_MAX + 1)
        else:
            with file.open("rb") as source:
                body = source.read(BODY_BYTES_MAX + 1)
    except OSError as error:
        raise CommandFault(f"{file} cannot be read: {error.strerror}.") from None
    if len(body) > BODY_BYTES_MAX:
        raise CommandFault(f"{file} is longer than {BODY_BYTES_MAX} bytes.")
    return body
