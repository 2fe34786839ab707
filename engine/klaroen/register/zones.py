"""What a well-formed zone must fulfil before it is part of the register (R8, R17).

Law: `judge_zone` yields every fault of one entry, each with its field and rule.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from klaroen.core.model import Agreement, Zone
from klaroen.register.entries import Told, read_id
from klaroen.register.model import FieldError

REPLY_LANGUAGES: Final = frozenset({"nl", "fr", "de", "en"})
REQUIRED: Final = ("id", "name")


def judge_zone(zone: Zone) -> Iterator[Told]:
    yield from judge_id("id", zone.id)
    if not zone.name.strip():
        yield "name", "is empty", None
    for language in zone.reply.keys() - REPLY_LANGUAGES:
        yield "reply", f"is written in nl, fr, de or en{'' if language else ', each named'}", "R17"
    for index, agreement in enumerate(zone.agreements):
        yield from _judge_agreement(f"agreements[{index}]", agreement)


def _judge_agreement(at: str, agreement: Agreement) -> Iterator[Told]:
    if not agreement.with_.strip():
        yield f"{at}.with", "is empty", "R8"
    if not agreement.classes:
        yield f"{at}.classes", "names no class", "R8"
    if "crisis" in agreement.classes:
        yield f"{at}.classes", "crisis authorities need no agreement", "R10"
    dates_sound = True
    for field, day in (("from", agreement.start), ("until", agreement.until)):
        if day is not None and not is_date(day):
            dates_sound = False
            yield f"{at}.{field}", "is not a date, YYYY-MM-DD", "R8"
    if dates_sound and agreement.until is not None and agreement.until < agreement.start:
        yield f"{at}.until", "lies before `from`", "R8"


def judge_id(field: str, text: str) -> Iterator[Told]:
    try:
        read_id(text)
    except FieldError as error:
        yield field, error.words, error.rule


def is_date(text: str) -> bool:
    """Say whether it is a day of the calendar, "YYYY-MM-DD": such dates compare as text."""
    try:
        return len(text) == 10 and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
