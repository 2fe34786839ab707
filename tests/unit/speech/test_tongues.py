"""A text of several languages, cut into pieces of one each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaroen.core.model import Language
from klaroen_adapters.speech.tongues import cut, language_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Inbraak bezig in de Kerkstraat. Bel 101. Cambriolage en cours rue de l'Église. Appelez le 101.",
            [
                ("nl", "Inbraak bezig in de Kerkstraat. Bel 101. "),
                ("fr", "Cambriolage en cours rue de l'Église. Appelez le 101."),
            ],
        ),
        (
            "Sluit ramen en deuren / Fermez portes et fenêtres / Fenster und Türen schließen / Close doors and windows",
            [
                ("nl", "Sluit ramen en deuren / "),
                ("fr", "Fermez portes et fenêtres / "),
                ("de", "Fenster und Türen schließen / "),
                ("en", "Close doors and windows"),
            ],
        ),
        (
            "Alarme !\nÉvacuez la rue.\n\nVerlaat de straat.",
            [("fr", "Alarme !\nÉvacuez la rue.\n\n"), ("nl", "Verlaat de straat.")],
        ),
        ("101", [("en", "101")]),
        ("Alarm!", [("en", "Alarm!")]),
        ("", []),
    ],
)
def test_each_sentence_goes_to_its_language(text: str, expected: list[tuple[Language, str]]) -> None:
    """One that tells nothing goes with the one before it, the first ones with the first that does."""
    assert expected == cut(text, "en")


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [("Blijf binnen en sluit de deuren", "nl"), ("de", None), ("Anna De Smet, 7", None), ("Police!", None), ("", None)],
)
def test_a_sentence_that_could_be_of_two_languages_tells_none(sentence: str, expected: Language | None) -> None:
    assert expected == language_of(sentence)


@given(st.text())
def test_R10_the_pieces_are_the_text(text: str) -> None:
    assert text == "".join(piece for _, piece in cut(text, "nl"))
