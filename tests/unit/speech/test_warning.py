"""An operator hears of a voice that is hardly understood before a member does."""

import pytest
from structlog.testing import capture_logs

from klaroen.core.model import Language
from klaroen.dispatch.run import tell_voices
from klaroen.settings import Settings
from klaroen.telemetry import Depths, DispatchMetrics


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ({"nl": "piper", "fr": "pico", "de": "pico", "en": "pico"}, []),
        ({"nl": "espeak-ng", "fr": "pico", "de": "pico", "en": "pico"}, ["Dutch is read by espeak-ng"]),
        ({"nl": "espeak-pico", "fr": "pico", "en": "pico"}, ["no voice reads a language"]),
    ],
)
def test_what_is_amiss_is_told_at_the_start(heard: dict[Language, str], expected: list[str]) -> None:
    metrics = DispatchMetrics(Settings(), Depths)
    with capture_logs() as told:
        tell_voices(heard, None, metrics)
    assert expected == [line["event"][: len(words)] for line, words in zip(told, expected, strict=True)]
    assert {"warning"} >= {line["log_level"] for line in told}
    for language, engine in heard.items():
        labels = {"language": language, "engine": engine}
        assert 1.0 == metrics.registry.get_sample_value("klaroen_speech_engine", labels)


def test_what_is_configured_and_not_installed_is_told() -> None:
    """Silence would let an operator believe that Dutch is read by the voice that was chosen for it."""
    with capture_logs() as told:
        tell_voices(
            {"nl": "pico", "fr": "pico", "de": "pico", "en": "pico"}, "no piper", DispatchMetrics(Settings(), Depths)
        )
    assert ["no piper"] == [line["event"] for line in told]
