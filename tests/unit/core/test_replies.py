"""What members say back."""

import pytest

from klaroen.core.model import AlertId, Instant, MemberId, NetworkId
from klaroen.core.replies import Quiet, ReplyRow, is_stop
from klaroen.core.sentences import answer_of


@pytest.mark.parametrize(
    "word", ["STOP", "stop", " Stop.\n", "'stop'", "Stoppen", "ARRÊT", "Arrêter", "Stopp", "abmelden", "END"]
)
def test_R17_stop_is_one_word_in_four_languages(word: str) -> None:
    assert is_stop(word)


@pytest.mark.parametrize("words", ["", "stop de dief", "niet stoppen", "stop!!stop", "ik stop", "s t o p", "🛑"])
def test_R17_a_sentence_is_a_report(words: str) -> None:
    """Who reports a thief must not lose their messages for it."""
    assert not is_stop(words)


def test_who_is_quiet_is_named_by_member_and_channel() -> None:
    quiet = [Quiet(MemberId("M1"), channel, Instant(1), "mail") for channel in (None, "email")]  # type: ignore[arg-type]
    assert ["M1/*", "M1/email"] == [one.name for one in quiet]


def test_the_same_words_have_the_same_digest_and_a_key_another() -> None:
    def digest(kind: str, text: str | None) -> bytes:
        return ReplyRow(
            AlertId("A"),
            MemberId("M"),
            NetworkId("B"),
            "sms",
            "nl",
            kind,
            Instant(1),
            text,  # type: ignore[arg-type]
        ).digest

    assert digest("text", "3") == digest("text", "3") != digest("key", "3") != digest("key", None)


def test_who_writes_back_is_answered_whatever_the_class() -> None:
    """R10 keeps a crisis message as it is; an answer to a person adds nothing to it."""
    assert "101" in answer_of(None, "nl")
