"""Warm texts are read with the numbers that people know."""

import pytest

from klaroen.core.model import Language
from klaroen_adapters.speech.lexicon import say_numbers


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("nl", "Bel 101.", "Bel honderd en een."),
        ("fr", "Appelez le 101 ou le 112 !", "Appelez le cent un ou le cent douze !"),
        ("de", "Rufen Sie 112 an, nicht 1722.", "Rufen Sie eins eins zwei an, nicht siebzehn zweiundzwanzig."),
        ("en", "Call 101", "Call one oh one"),
    ],
)
def test_numbers_to_ring_are_read_as_they_are_known(language: Language, text: str, expected: str) -> None:
    assert expected == say_numbers(text, language)


@pytest.mark.parametrize("text", ["Bel 0101.", "101,50 euro", "1-101-ABC", "02/101 22 33", "+101", "E101", "101bis"])
def test_a_number_that_is_part_of_another_stays(text: str) -> None:
    assert text == say_numbers(text, "nl")


def test_a_text_of_several_languages_stays_as_it_is() -> None:
    assert "Bel 101. Appelez le 101." == say_numbers("Bel 101. Appelez le 101.", "mul")
