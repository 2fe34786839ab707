"""What a call says besides its message: the question for a key, and the answer to any other (R17).

Law: pure words, in the alert's language; where a text holds several languages itself, so do these. Crisis has neither:
nothing is spoken then but the text (R10).
"""

from collections.abc import Iterator, Mapping
from typing import Final

from klaroen.core.model import Alert, Language, Zone

PROMPTS: Final[Mapping[Language, str]] = {
    "nl": "Druk op 1 om te bevestigen dat u dit bericht hebt gehoord.",
    "fr": "Appuyez sur 1 pour confirmer que vous avez entendu ce message.",
    "de": "Drücken Sie die 1, um zu bestätigen, dass Sie diese Nachricht gehört haben.",
    "en": "Press 1 to confirm that you have heard this message.",
    "mul": "Druk op 1 om te bevestigen. Appuyez sur 1 pour confirmer. Zum Bestätigen drücken Sie die 1.",
}

REPLIES: Final[Mapping[Language, str]] = {
    "nl": "Dit is een automatisch bericht. Hebt u iets te melden, bel dan {number}.",
    "fr": "Ceci est un message automatique. Si vous avez quelque chose à signaler, appelez le {number}.",
    "de": "Dies ist eine automatische Nachricht. Wenn Sie etwas zu melden haben, rufen Sie {number} an.",
    "en": "This is an automatic message. If you have something to report, call {number}.",
    "mul": "Iets te melden? Bel {number}. Quelque chose à signaler ? Appelez le {number}. Meldungen an {number}.",
}
"""For a zone without a sentence of its own."""


def usual_sentences() -> Iterator[tuple[str, Language]]:
    """Yield what most calls say besides their message, so that it is read before the first of them."""
    yield from ((text, language) for language, text in PROMPTS.items())
    yield from ((text.format(number="101"), language) for language, text in REPLIES.items())


def prompt_of(alert: Alert, language: Language) -> str | None:
    """Return what asks for key 1, or None where nobody is asked."""
    return PROMPTS[language] if alert.confirm and alert.alert_class != "crisis" else None


def reply_of(alert: Alert, zone: Zone | None, language: Language) -> str | None:
    """Return the zone's sentence, or None where nothing may be added."""
    if alert.alert_class == "crisis":
        return None
    return answer_of(zone, language)


def answer_of(zone: Zone | None, language: Language) -> str:
    """Return the zone's sentence to who wrote back: that answers a person, and adds nothing to any message."""
    own = None if zone is None else zone.reply.get(language)
    return own or REPLIES[language].format(number="101" if zone is None else zone.call_number)
