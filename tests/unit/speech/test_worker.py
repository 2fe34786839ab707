"""The real engines, in the real worker."""

import resource
from types import SimpleNamespace

import pytest
from tests.unit.speech.apart import apart, read

from klaroen_adapters.speech.frames import EngineName, Failed, Said, Say
from klaroen_adapters.speech.worker import answer, limit
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
    heard = read([("espeak-ng", language, "goedendag") for language in ("nl", "fr", "nl")])
    first, other, again = (len(samples) for samples, _ in heard)
    assert first == pytest.approx(again, rel=0.01)
    assert first != pytest.approx(other, rel=0.05)


def test_markup_is_read_and_not_obeyed() -> None:
    """What looks like a pause, a slower voice or phonemes is read aloud, sign by sign."""
    texts = ("hello you", 'hello <break time="60s"/> you', "<prosody rate='10%'>hello you", "hello [[ju:]]")
    heard = read([("espeak-ng", "en", text) for text in texts])
    plain, paused, slowed, spelt = (len(samples) / 2 / rate for samples, rate in heard)
    assert plain + 2 < paused < plain + 10
    assert plain + 1 < slowed < plain + 6
    assert plain < spelt


def test_what_goes_wrong_is_told_without_the_text() -> None:
    assert Failed("OSError") == apart(answer, Say("espeak-ng", "zz", "geheim", 1.0), {})
    assert Failed("ValueError") == apart(answer, Say("pico", "nl-NL", "geheim", 1.0), {})


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [(resource.RLIM_INFINITY, (5, 10)), (100, (5, 10)), (8, (5, 8)), (3, (3, 3))],
)
def test_no_limit_is_above_what_the_machine_allows(
    allowed: int, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a machine that allows less would have no voice at all."""
    told: list[tuple[int, tuple[int, int]]] = []
    machine = SimpleNamespace(
        RLIM_INFINITY=resource.RLIM_INFINITY,
        getrlimit=lambda _: (0, allowed),
        setrlimit=lambda kind, limits: told.append((kind, limits)),
    )
    monkeypatch.setattr("klaroen_adapters.speech.worker.resource", machine)
    limit(7, 5, 10)
    assert [(7, expected)] == told
