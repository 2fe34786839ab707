"""What passes between the speaker and its workers."""

import msgspec
import pytest

from klaroen_adapters.speech.frames import HEAD_BYTES, Failed, Said, Say, answer, frame, question


def body(framed: bytes) -> bytes:
    assert len(framed) - HEAD_BYTES == int.from_bytes(framed[:HEAD_BYTES], "big")
    return framed[HEAD_BYTES:]


def test_a_question_arrives_as_it_was_asked() -> None:
    asked = Say("pico", "fr-FR", "À l'aide !\r\n<b>", 15.0)
    assert asked == question(body(frame(asked)))


@pytest.mark.parametrize("told", [Said(b"\xd5\x55", 0.5, 2_800.0, 0.01), Failed("OSError")])
def test_an_answer_arrives_as_it_was_told(told: Said | Failed) -> None:
    assert told == answer(body(frame(told)))


def test_an_answer_that_is_none_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        answer(b"Segmentation fault")
