"""Whatever people read is there in all four languages, about the same things, for everything that can be told."""

import re
from typing import get_args

import pytest

from klaroen.core.audience import REASONS
from klaroen.core.errors import PROBLEMS, Saying
from klaroen.core.phrases import PHRASES, TABLES, rule_of, say, word
from klaroen.core.rules import RULES, WordsLanguage
from klaroen.core.state import ATTEMPT_STATES
from klaroen.core.template import unable

LANGUAGES: tuple[WordsLanguage, ...] = get_args(WordsLanguage)


@pytest.mark.parametrize("code", PHRASES)
def test_each_phrase_says_the_same_in_four_languages(code: str) -> None:
    """With the same fields, none empty, and none left in another one's words."""
    row = PHRASES[code]
    assert set(LANGUAGES) == set(row.words)
    fields = [sorted(re.findall(r"{(\w+)}", words)) for words in row.words.values()]
    assert all(one == fields[0] for one in fields)
    assert all(words.strip() for words in row.words.values())
    assert len(LANGUAGES) == len(set(row.words.values()))
    assert row.rule is None or row.rule in RULES


def test_no_code_stands_in_two_tables() -> None:
    assert len(PHRASES) == sum(map(len, TABLES))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_reason_and_problem_has_its_words(language: WordsLanguage) -> None:
    for state in ATTEMPT_STATES:
        assert word(f"attempt_{state}", language)
    for reason in REASONS:
        assert word(f"unreachable_{reason}", language)
    for name in PROBLEMS:
        assert word(f"title_{name}", language)
    for text in ("a\nb", "a\tb", "a     b", "\ud800", "a" * 99):
        code = unable(text, 50)
        assert say((Saying(f"unable_{code}", {"language": "nl", "channel": "whatsapp"}),), language)


def test_several_are_said_one_after_the_other() -> None:
    told = (Saying("urgent"), Saying("no_address_then", {"channels": "sms, tts"}))
    assert "dringende berichten: geen adres voor een van sms, tts" == say(told, "nl")
    assert "urgent messages: no address for any of sms, tts" == say(told)
    assert ("R6", None) == (rule_of("urgent"), rule_of("no_address_then"))
