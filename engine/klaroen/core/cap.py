"""CAP 1.2: a message becomes the alert that it would be if it were posted in JSON, or is refused for a stated reason.

Law: every `msgType` and `status` is treated by name; nothing that a member would read is dropped, joined or guessed; a
fault is told by its path in the document and never quotes a text. The text is the description exactly, as XML has it.
Source: OASIS Common Alerting Protocol 1.2, 3.2; docs/cap.md.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct

from klaroen.core.cap_area import (
    NIS5,
    Area,
    read_circle,
    read_code,
    read_polygon,
    targets_of,
    told_at,
    united,
)
from klaroen.core.cap_fields import SIGNATURE, SPACE, Fields, choose, read_instant
from klaroen.core.cap_xml import Element, read_xml
from klaroen.core.errors import InputError, Saying
from klaroen.core.intake import EXPIRES_IN_S, AlertRequest, Targets, Texts
from klaroen.core.model import LANGUAGES, AlertClass, Instant, Mode, Role, Text
from klaroen.core.posted import shaped

BODY_BYTES_MAX: Final = 5 * 1024 * 1024
"""The contract's; a polygon of 10,000 points in each of four languages takes one."""
REFERENCES_MAX: Final = 100
"""Messages that one updates or cancels: an incident's whole chain."""
EARLY_MS: Final = 300_000
"""How far ahead a sender's clock may be."""

MODES: Final[Mapping[str, Mode]] = {
    "Actual": "live",
    "Exercise": "exercise",
    "System": "drill",
    "Test": "drill",
    "Draft": "drill",
}

ONCE: Final = frozenset({"identifier", "sender", "sent", "status", "msgType", "scope"})
MAYBE: Final = frozenset({"source", "restriction", "addresses", "note", "references", "incidents"})
INFO_ONCE: Final = frozenset({"event", "urgency", "severity", "certainty"})
INFO_MAYBE: Final = frozenset(
    {
        "language", "audience", "effective", "onset", "expires", "senderName", "headline", "description", "instruction",
        "web", "contact",
    }
)  # fmt: skip
_NAME: Final = re.compile(r"[^\s,<&\x00-\x20\x7f-\x9f]{1,200}")


class Profile(Struct, frozen=True):
    """How an authority's messages are read, as data."""

    text: Literal["description", "instruction"] = "description"
    """Which of the two is the text. The other one, where it says something, is refused."""
    headline: Literal["subject", "ignore"] = "subject"
    """The headline is the subject of mails, or serves no member."""
    municipalities: Mapping[str, str] = {}
    """NIS5 code -> the municipality's name in the register."""


class Posted(Struct, frozen=True):
    """An alert. `references` are the keys of those whose place it takes (Update)."""

    request: AlertRequest
    key: str
    expires_at: Instant
    places: tuple[Targets, ...] = ()
    """Targets beside the request's own: the area is the union of all."""
    references: tuple[str, ...] = ()
    notes: tuple[Saying, ...] = ()
    """What of the message no member gets."""


class Withdrawn(Struct, frozen=True):
    """A Cancel: these stop, and nothing is sent."""

    references: tuple[str, ...]
    mode: Mode


class Unheeded(Struct, frozen=True):
    """A message about messages, which concerns nobody here."""

    kind: str
    """Its msgType."""


Message = Posted | Withdrawn | Unheeded


def class_of(role: Role) -> AlertClass:
    return "crisis" if role == "crisis_authority" else "warm"


def read_cap(body: bytes, role: Role, profile: Profile, now: Instant) -> Message:
    """Return what the message asks for.

    Raises InputError: `malformed` where it cannot be read, `invalid` where it is not CAP 1.2 or not for us.
    """
    root = read_xml(body)
    if root.name != f"{SPACE} alert":
        words = f"The body is no CAP 1.2 message: its root is not `alert` of {SPACE}."
        raise InputError("invalid", words, at="/")
    fields = Fields(root, "/alert")
    fields.check(ONCE, MAYBE, {"code": "", "info": "", "Signature": SIGNATURE})
    mode = MODES[fields.choice("status")]
    kind = fields.choice("msgType")
    if fields.choice("scope") != "Public":
        raise InputError("invalid", "Only messages of scope Public are sent on to members.", at="/alert/scope")
    name = _identity(fields)
    references = _references(fields)
    if kind in ("Ack", "Error"):
        return Unheeded(kind)
    if kind in ("Update", "Cancel") and not references:
        words = f"A message of msgType {kind} names in `references` what it is about."
        raise InputError("invalid", words, at="/alert/references")
    if kind == "Alert" and references:
        words = "A message of msgType Alert is new: one that replaces others is an Update."
        raise InputError("invalid", words, at="/alert/references")
    if kind == "Cancel":  # whatever it says about its reasons: a doubtful word must not keep an alert going
        return Withdrawn(references, mode)
    infos = [_Info(one, path, profile, now) for one, path in fields.all("info")]
    return _posted(fields, infos, name, references, mode, role)


def key_of(name: str) -> str:
    """Return the idempotency key of a message named "sender,identifier,sent": no header holds one with a blank."""
    return "cap " + sha256(name.encode()).hexdigest()


def _posted(
    fields: Fields, infos: "list[_Info]", name: str, references: tuple[str, ...], mode: Mode, role: Role
) -> Posted:
    if not infos:
        raise InputError("invalid", "An alert has an `info` with a text.", at="/alert")
    texts: dict[str, Text] = {}
    for info in infos:
        if info.language in texts:
            raise InputError("invalid", "Two `info` have the same language.", at=f"{info.path}/language")
        texts[info.language] = info.text
    first = infos[0]
    for info in infos[1:]:
        if info.area != first.area:
            words = "The languages of one alert go to one area: what differs by area is an alert of its own."
            raise InputError("invalid", words, at=info.path)
        if info.expires_at != first.expires_at:
            raise InputError("invalid", "The languages of one alert expire together.", at=f"{info.path}/expires")
    if first.area.empty:
        raise InputError("invalid", "The message has no area: whom to warn is never guessed.", at=first.path)
    alert_class = class_of(role)
    targets, *places = targets_of(first.area, first.path)
    request = AlertRequest(
        alert_class=alert_class,
        targets=targets,
        content=Texts(**texts),
        mode=mode,
        reference=fields.text("identifier"),
        author=fields.named("source") or fields.text("sender"),
    )
    sent = read_instant(fields.text("sent"), "/alert/sent")
    expires_at = first.expires_at or Instant(sent + EXPIRES_IN_S[alert_class] * 1000)
    notes = tuple(Saying(note) for note in dict.fromkeys(note for info in infos for note in info.notes))
    return Posted(request, key_of(name), expires_at, tuple(places), references, notes)


def _identity(fields: Fields) -> str:
    """Return "sender,identifier,sent", by which other messages name this one."""
    for field in ("sender", "identifier"):
        if _NAME.fullmatch(fields.text(field)) is None:
            words = "It has 1 to 200 characters, and neither blank, comma, `<` nor `&` (CAP 1.2, 3.2.1)."
            raise InputError("invalid", words, at=f"/alert/{field}")
    read_instant(fields.text("sent"), "/alert/sent")
    return ",".join(fields.text(field) for field in ("sender", "identifier", "sent"))


def _references(fields: Fields) -> tuple[str, ...]:
    """Return the keys of the messages that this one names."""
    names = fields.text("references").split()
    if len(names) > REFERENCES_MAX:
        raise InputError("invalid", f"More than {REFERENCES_MAX} messages are named.", at="/alert/references")
    for name in names:
        if name.count(",") != 2 or not all(name.split(",")):
            words = "Each message is named as sender,identifier,sent, with blanks between them."
            raise InputError("invalid", words, at="/alert/references")
    return tuple(key_of(name) for name in names)


class _Info:
    """One language of a message."""

    def __init__(self, element: Element, path: str, profile: Profile, now: Instant) -> None:
        fields = Fields(element, path)
        lists = ("category", "responseType", "eventCode", "parameter", "resource", "area")
        fields.check(INFO_ONCE, INFO_MAYBE, dict.fromkeys(lists, ""))
        self.path = path
        self.notes: list[str] = []  # codes of `core.phrases`
        categories = fields.all("category")
        if not categories:
            raise InputError("invalid", "`category` must be given.", at=path)
        for one, at in categories:
            choose("category", one.text, at)
        for field in ("urgency", "severity", "certainty"):
            fields.choice(field)
        self.language = self._language(fields)
        self.text = self._text(fields, profile)
        self.expires_at = read_instant(fields.text("expires"), f"{path}/expires") if fields.text("expires") else None
        if fields.text("effective") and read_instant(fields.text("effective"), f"{path}/effective") > now + EARLY_MS:
            words = "It takes effect later, and what is accepted is sent at once: post it then."
            raise InputError("invalid", words, at=f"{path}/effective")
        if fields.all("resource"):
            self.notes.append("cap_resource")  # R25
        self.area = united(self._area(one, at, profile.municipalities) for one, at in fields.all("area"))

    @staticmethod
    def _language(fields: Fields) -> str:
        """CAP 1.2, 3.2.2: without one it is en-US."""
        primary = (fields.text("language") or "en-US").partition("-")[0].lower()
        if primary not in LANGUAGES:
            words = f"Texts are carried in {', '.join(LANGUAGES)}; none in another language is dropped silently."
            raise InputError("invalid", words, at=f"{fields.path}/language")
        return primary

    @staticmethod
    def _text(fields: Fields, profile: Profile) -> Text:
        other = "instruction" if profile.text == "description" else "description"
        if fields.text(other).strip():
            words = f"The text is the {profile.text} alone, and the {other} would be lost: put all of it there."
            raise InputError("invalid", words, at=f"{fields.path}/{other}", rule="R10")
        at = f"{fields.path}/{profile.text}"
        text = told_at(at, lambda: shaped({"text": fields.text(profile.text)}, Text)).text
        headline = fields.text("headline") if profile.headline == "subject" else ""
        if not headline:
            return Text(text)
        return told_at(f"{fields.path}/headline", lambda: shaped({"text": text, "subject": headline}, Text))

    def _area(self, element: Element, path: str, municipalities: Mapping[str, str]) -> Area:
        fields = Fields(element, path)
        fields.check(
            frozenset({"areaDesc"}),
            frozenset({"altitude", "ceiling"}),
            dict.fromkeys(("polygon", "circle", "geocode"), ""),
        )
        polygons = tuple(read_polygon(one.text, at) for one, at in fields.all("polygon"))
        circles = tuple(read_circle(one.text, at) for one, at in fields.all("circle"))
        codes = []
        for one, at in fields.all("geocode"):
            pair = Fields(one, at)
            pair.check(frozenset({"valueName", "value"}), frozenset(), {})
            if pair.text("valueName") == NIS5:
                codes.append(read_code(pair.text("value"), municipalities, f"{at}/value"))
        area = Area(polygons, circles, tuple(codes))
        if area.empty:
            words = "The area has neither polygon, circle nor geocode NIS5: a description alone is no place on the map."
            raise InputError("invalid", words, at=path)
        if len(codes) < len(fields.all("geocode")):
            self.notes.append("cap_geocode")
        return area
