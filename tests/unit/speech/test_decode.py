"""A recording becomes clips, or is refused for what is wrong with it."""

import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.unit.speech.sounds import speechlike, write

from klaroen_adapters.speech.decode import GARBAGE, NO_AUDIO, SILENCE, TOO_LONG, TOO_SHORT, decode
from klaroen_adapters.speech.frames import Decoded, Failed
from klaroen_adapters.speech.sound import LEVEL_RMS, loudness
from klaroen_adapters.voice.twilio_clip import wav


def heard(octets: bytes) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    return np.frombuffer(wav(octets)[44:], "<i2").astype(np.float32)


@pytest.mark.parametrize(
    ("name", "rate", "channels", "form"),
    [
        ("a.wav", 8_000, 1, {}),
        ("a.wav", 44_100, 2, {"subtype": "PCM_24"}),
        ("a.wav", 48_000, 6, {"format": "WAVEX"}),
        ("a.wav", 8_000, 1, {"subtype": "ALAW"}),
        ("a.flac", 48_000, 2, {}),
        ("a.mp3", 44_100, 2, {}),
        ("a.ogg", 44_100, 1, {}),
        ("a.opus", 48_000, 1, {"format": "OGG", "subtype": "OPUS"}),
        ("lies.txt", 16_000, 1, {"format": "FLAC"}),
    ],
)
def test_every_format_is_the_same_sound(
    name: str, rate: int, channels: int, form: dict[str, str], tmp_path: Path
) -> None:
    """As it is, and as loud as speech on a line; nothing is added before or after."""
    decoded = decode(str(write(tmp_path / name, 2.0, rate, channels, **form)))
    assert isinstance(decoded, Decoded)
    assert 2.0 == pytest.approx(decoded.duration_s, abs=0.06)  # MP3 pads to whole frames
    assert decoded.duration_s == len(decoded.plain) / 8_000 == len(decoded.levelled) / 8_000
    expected = loudness((speechlike(2.0, 8_000) * 32_768).astype(np.float32))
    assert expected == pytest.approx(loudness(heard(decoded.plain)), rel=0.05)
    assert LEVEL_RMS == pytest.approx(loudness(heard(decoded.levelled)), rel=0.05)
    spectrum = np.abs(np.fft.rfft(heard(decoded.plain)))
    assert 220 == pytest.approx(np.argmax(spectrum) * 8_000 / len(decoded.plain), abs=5)


@pytest.mark.parametrize("octets", [b"", b"RIFF", bytes(range(256)) * 500, b"<html>no</html>" * 100])
def test_what_is_no_audio_is_told(octets: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(octets)
    assert NO_AUDIO == decode(str(path))


@pytest.mark.parametrize("form", ["AIFF", "AU", "CAF", "W64"])
def test_other_formats_are_not_taken(form: str, tmp_path: Path) -> None:
    assert NO_AUDIO == decode(str(write(tmp_path / "a", format=form)))


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_half_a_file_is_not_taken_for_a_whole_one(name: str, share: float, tmp_path: Path) -> None:
    path = write(tmp_path / name, 3.0)
    octets = path.read_bytes()
    path.write_bytes(octets[: int(len(octets) * share)])
    assert GARBAGE == decode(str(path))


def test_a_wav_from_a_pipe_has_no_size(tmp_path: Path) -> None:
    """Its head says the largest number, and the file's end is its end."""
    path = write(tmp_path / "a.wav", 2.0)
    octets = bytearray(path.read_bytes())
    octets[4:8] = octets[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(octets)
    decoded = decode(str(path))
    assert isinstance(decoded, Decoded)
    assert 2.0 == pytest.approx(decoded.duration_s, abs=0.01)


def test_noise_in_the_midst_of_a_file_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", 3.0)
    octets = bytearray(path.read_bytes())
    octets[2_000:4_000] = bytes(range(250)) * 8
    path.write_bytes(octets)
    assert GARBAGE == decode(str(path))


@pytest.mark.parametrize(
    ("rate", "channels"), [(4_000, 1), (200_000, 1), (16_000, 9)], ids=["too narrow", "too wide", "too many"]
)
def test_odd_files_are_refused(rate: int, channels: int, tmp_path: Path) -> None:
    assert GARBAGE == decode(str(write(tmp_path / "a.wav", 1.0, rate, channels)))


@pytest.mark.parametrize(
    ("seconds", "amplitude", "expected"),
    [(0.4, 0.2, TOO_SHORT), (2.0, 0.0, SILENCE), (2.0, 0.001, SILENCE)],
)
def test_what_cannot_be_a_message_is_refused(
    seconds: float, amplitude: float, expected: Failed, tmp_path: Path
) -> None:
    assert expected == decode(str(write(tmp_path / "a.wav", seconds, amplitude=amplitude)))


def test_no_number_is_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    assert GARBAGE == decode(str(path))


def test_five_minutes_are_taken_and_three_hours_are_not(tmp_path: Path) -> None:
    five = decode(str(write(tmp_path / "five.flac", 299.9, 8_000)))
    assert isinstance(five, Decoded)
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(3 * 3_600 * 8_000, np.int16), 8_000)
    assert path.stat().st_size < 1_000_000  # small enough to come in
    assert TOO_LONG == decode(str(path))


def test_a_head_that_lies_is_not_believed(tmp_path: Path) -> None:
    """It says one second, and goes on for six minutes."""
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes((speechlike(360.0, 8_000) * 32_767).astype("<i2").tobytes())
    octets = bytearray(path.read_bytes())
    octets[4:8] = octets[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(octets)
    assert TOO_LONG == decode(str(path))
