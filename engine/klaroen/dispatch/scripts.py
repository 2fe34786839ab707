"""What a call of an alert plays, asks and answers; and who waits for it.

Law: a batch of calls is due when its clip is there; when no voice can say the text, its members go to their next step
at once, with the reason in the journal. One `Script` serves all calls of an alert to one zone in one language, so that
a carrier prepares it once; what it lacks when the first telephone rings, later calls have.
"""

from functools import partial

from klaroen.core.model import ClipId, Language, Recorded, Zone
from klaroen.core.ports import Clip, Script
from klaroen.core.sentences import prompt_of, reply_of
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.leftovers import ground
from klaroen.dispatch.narrator import Line, Spoken, Unspoken
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.page import Page


def await_clip(desk: Desk, page: Page) -> None:
    """Make the batch ready once there is something to play."""
    opened, language = page.opened, page.batch.language
    found = opened.played(page.batch.step.channel, language)
    if isinstance(found, Unspoken):
        page.keep_silent(found.words)
        ground(desk, page)
    elif found is not None:
        desk.make_ready(page)
    else:
        opened.unread.setdefault(language, []).append(page)
        want_clip(desk, opened, language)


def want_clip(desk: Desk, opened: OpenAlert, language: Language) -> None:
    """Have the alert's text read, once, if it has one and anybody speaks."""
    alert = opened.alert
    if not desk.narrator.speaks or language in opened.spoken or language not in alert.content:
        return
    opened.spoken[language] = None
    line = Line(alert.content[language].text, language, verbatim=alert.alert_class == "crisis")
    desk.narrator.ask(line, alert.alert_class, partial(_told, desk, opened, language))
    prompt = prompt_of(alert, language)
    if prompt is not None:
        desk.narrator.sentence(Line(prompt, language))


def _told(desk: Desk, opened: OpenAlert, language: Language, spoken: Spoken) -> None:
    """The text is read, or never will be: whoever waits for it goes on."""
    opened.spoken[language] = spoken
    for page in opened.unread.pop(language, ()):
        if page.state == "ready" and not page.grounded:
            await_clip(desk, page)


def clip_of(page: Page) -> ClipId | None:
    """Return the clip of a batch that is ready; None where nobody speaks, and for what is written."""
    found = page.opened.played(page.batch.step.channel, page.batch.language) if page.is_call else None
    if isinstance(found, Clip):
        return found.id
    return found.clip if isinstance(found, Recorded) else None


def script_of(desk: Desk, page: Page, delivery: int) -> Script | None:
    """Return how the call to this member goes; None where nobody speaks."""
    clip = clip_of(page)
    if clip is None:
        return None
    opened, language = page.opened, page.batch.language
    zone = _zone_of(desk, opened, delivery)
    key = ("" if zone is None else zone.id, language, clip)
    known = opened.scripts.get(key)
    if known is not None and known[1]:
        return known[0]
    prompt, reply = prompt_of(opened.alert, language), reply_of(opened.alert, zone, language)
    prompted, replied = _sentence(desk, prompt, language), _sentence(desk, reply, language)
    made = Script(
        clip,
        opened.steps.ring_s,
        opened.steps.plays,
        caller_id="" if zone is None else zone.caller_id or "",
        prompt=prompted.id if isinstance(prompted, Clip) else None,
        reply=replied.id if isinstance(replied, Clip) else None,
    )
    if known is not None and known[0] == made:
        made = known[0]
    complete = (prompt is None or prompted is not None) and (reply is None or replied is not None)
    opened.scripts[key] = made, complete
    return made


def _sentence(desk: Desk, text: str | None, language: Language) -> Spoken | None:
    return None if text is None else desk.narrator.sentence(Line(text, language))


def _zone_of(desk: Desk, opened: OpenAlert, delivery: int) -> Zone | None:
    """Return the zone of the first network that the member is warned through, as it is now."""
    snapshot = desk.register.snapshot
    group = opened.audience.group(delivery)
    network = snapshot.networks.get(opened.alert.networks[group.networks[0]])
    return None if network is None else snapshot.zones.get(network.zone)
