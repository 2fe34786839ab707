"""Samples become what a telephone plays."""

import numpy as np
import pytest

from klaroen_adapters.speech.sound import AFTER_S, BEFORE_S, LEVEL_RMS, PEAK_MAX, level, loudness, spoken, to_alaw
from klaroen_adapters.voice.twilio_clip import wav

SILENT = 0xD5


def tone(hertz: float, seconds: float, rate: int, amplitude: float) -> bytes:
    at = np.arange(int(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * at)).astype(np.int16).tobytes()


def heard(octets: bytes) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    return np.frombuffer(wav(octets)[44:], "<i2").astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000])
def test_a_tone_is_the_same_tone_on_the_telephone(rate: int) -> None:
    """Its pitch, its length and the silence around it; it is as loud as speech on a line is."""
    said = spoken(tone(440.0, 2.0, rate, 9_000.0), rate)
    assert 2.0 + BEFORE_S + AFTER_S == pytest.approx(said.duration_s, abs=0.01)
    assert said.duration_s == len(said.octets) / 8_000
    assert 9_000 / np.sqrt(2) == pytest.approx(said.rms, rel=0.02)
    before, after = said.octets[: int(BEFORE_S * 8_000)], said.octets[-int(AFTER_S * 8_000) :]
    assert {SILENT} == set(before) | set(after)
    played = heard(said.octets)[len(before) : -len(after)]
    spectrum = np.abs(np.fft.rfft(played))
    assert 440 == pytest.approx(np.argmax(spectrum) * 8_000 / len(played), abs=1)
    assert LEVEL_RMS == pytest.approx(loudness(played), rel=0.03)


def test_nothing_said_is_silence() -> None:
    said = spoken(b"", 16_000)
    assert (0.0, 0.0) == (said.rms, said.clipped)
    assert {SILENT} == set(said.octets)


def test_samples_at_full_scale_are_counted() -> None:
    square = np.where(np.arange(16_000) % 100 < 25, 32_767, 0).astype(np.int16).tobytes()
    assert 0.25 == spoken(square, 16_000).clipped


def test_pauses_do_not_make_speech_quieter() -> None:
    """Loudness is that of the speech: a text with a long pause is levelled like one without."""
    speech = np.frombuffer(tone(300.0, 1.0, 8_000, 5_000.0), np.int16).astype(np.float32)
    paused = np.concatenate((speech, np.zeros(24_000, np.float32), speech))
    assert loudness(speech) == pytest.approx(loudness(paused), rel=0.01)


def test_levelling_never_overdrives() -> None:
    """One loud click limits the gain."""
    quiet = np.full(8_000, 50.0, np.float32)
    quiet[4_000] = 10_000.0
    assert PEAK_MAX == pytest.approx(float(np.max(level(quiet))))


def test_silence_is_not_levelled() -> None:
    silence = np.zeros(8_000, np.float32)
    assert not level(silence).any()
    assert 0.0 == loudness(silence[:10])


def test_what_is_beyond_the_scale_stays_at_its_end() -> None:
    assert to_alaw(np.array([40_000.0, -40_000.0], np.float32)) == to_alaw(np.array([32_767.0, -32_768.0], np.float32))
