"""The real engines, in the real worker."""

import pytest

from klaroen_adapters.speech.engines import load
from klaroen_adapters.speech.frames import EngineName, Failed, Said, Say
from klaroen_adapters.speech.worker import answer
from klaroen_adapters.speech.workers import Workers


@pytest.mark.parametrize(("engine", "voice"), [("pico", "de-DE"), ("espeak-ng", "nl")])
async def test_an_engine_says_the_text(engine: EngineName, voice: str) -> None:
    crew = Workers()
    said = await crew.ask(engine, voice, "Bel de politie.", 30.0)
    crew.close()
    assert isinstance(said, Said)
    assert 1.5 < said.duration_s < 4.0
    assert said.rms > 1_000
    assert 0.0 == said.clipped


def test_one_process_reads_several_languages() -> None:
    """The library has one voice and one callback for all."""
    dutch, french = load("espeak-ng", "nl"), load("espeak-ng", "fr")
    first, other, again = (len(say("goedendag")[0]) for say in (dutch, french, dutch))
    assert first == pytest.approx(again, rel=0.01)
    assert first != pytest.approx(other, rel=0.05)


def test_markup_is_read_and_not_obeyed() -> None:
    """What looks like a pause, a slower voice or phonemes is read aloud, sign by sign."""
    espeak = load("espeak-ng", "en")
    plain, paused, slowed, spelt = (
        len(espeak(text)[0]) / 2 / 22_050
        for text in ("hello you", 'hello <break time="60s"/> you', "<prosody rate='10%'>hello you", "hello [[ju:]]")
    )
    assert plain + 2 < paused < plain + 10
    assert plain + 1 < slowed < plain + 6
    assert plain < spelt


def test_what_goes_wrong_is_told_without_the_text() -> None:
    assert Failed("OSError") == answer(Say("espeak-ng", "zz", "geheim", 1.0), {})
    assert Failed("ValueError") == answer(Say("pico", "nl-NL", "geheim", 1.0), {})
