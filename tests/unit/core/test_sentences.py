"""What calls say besides their message."""

import pytest
from msgspec.structs import replace
from tests.unit.core.batches import make_alert

from klaroen.core.model import LANGUAGES, AlertClass, Language, Zone, ZoneId
from klaroen.core.sentences import PROMPTS, REPLIES, prompt_of, reply_of, usual_sentences

ZONE = Zone(ZoneId("Z1"), "Zone", call_number="053 12 34 56", reply={"nl": "Bel de zone.", "fr": ""})


@pytest.mark.parametrize(
    ("alert_class", "confirm", "expected"),
    [("warm", True, PROMPTS["nl"]), ("warm", False, None), ("crisis", True, None)],
)
def test_a_key_is_asked_for_where_it_may_be(alert_class: AlertClass, confirm: bool, expected: str | None) -> None:
    """Where the sender wants it, and never of crisis (R10)."""
    assert expected == prompt_of(replace(make_alert(alert_class=alert_class), confirm=confirm), "nl")


@pytest.mark.parametrize(
    ("zone", "language", "expected"),
    [
        (ZONE, "nl", "Bel de zone."),
        (ZONE, "fr", REPLIES["fr"].format(number="053 12 34 56")),
        (ZONE, "mul", REPLIES["mul"].format(number="053 12 34 56")),
        (None, "en", REPLIES["en"].format(number="101")),
    ],
)
def test_another_key_gets_the_zones_sentence(zone: Zone | None, language: Language, expected: str) -> None:
    """Its own, or one in the alert's language with the number that reports go to (R17)."""
    assert expected == reply_of(make_alert(), zone, language)
    assert None is reply_of(make_alert(alert_class="crisis"), zone, language)


def test_every_language_has_its_words() -> None:
    for words in (PROMPTS, REPLIES):
        assert set(LANGUAGES) == set(words)
        assert all("1" in text or "{number}" in text for text in words.values())


def test_the_usual_sentences_are_what_an_alert_without_a_zones_own_words_says() -> None:
    alert = replace(make_alert(), confirm=True)
    usual = set(usual_sentences())
    for language in LANGUAGES:
        assert {(prompt_of(alert, language), language), (reply_of(alert, None, language), language)} <= usual
