"""What an engine says is measured before anybody hears it."""

import pytest

from klaroen_adapters.speech.frames import Said
from klaroen_adapters.speech.judge import fault

TEXT = "Dringend bericht van de politie: verdachte witte bestelwagen in de Kerkstraat. Bel 101."


@pytest.mark.parametrize(
    ("said", "text", "expected"),
    [
        (Said(b"", 6.9, 2_800.0, 0.0), TEXT, None),
        (Said(b"", 6.9, 120.0, 0.0), TEXT, "silence"),
        (Said(b"", 1.2, 2_800.0, 0.0), TEXT, "too short for the text"),
        (Said(b"", 60.0, 2_800.0, 0.0), TEXT, "too long for the text"),
        (Said(b"", 6.9, 2_800.0, 0.05), TEXT, "overdriven"),
        (Said(b"", 2.0, 2_800.0, 0.0), "Nu!", None),
        (Said(b"", 5.5, 2_800.0, 0.0), "😎", None),
        (Said(b"", 20.0, 2_800.0, 0.0), "Bel 0475 12 34 56 of 02 123 45 67.", "too long for the text"),
    ],
)
def test_what_cannot_be_the_text_is_told(said: Said, text: str, expected: str | None) -> None:
    assert expected == fault(said, text)
