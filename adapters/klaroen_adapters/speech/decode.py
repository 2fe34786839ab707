"""A recording as a file holds it becomes two clips: as it is, and levelled.

Law: a file is read block by block and never believed: what is kept is bounded by five minutes at 8 kHz, whatever its
head says. What is wrong with it is told by one of the faults below.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from klaroen_adapters.speech.frames import Decoded, Failed
from klaroen_adapters.speech.sound import RATE, Wave, level, loudness, to_alaw

MEMORY_BYTES_MAX: Final = 1 << 30
"""Address space; numpy and the libraries map a third of it, five minutes of 192 kHz pass through in blocks."""
DURATION_S_MAX: Final = 300.0
"""The contract's."""
DURATION_S_MIN: Final = 0.5
"""Nobody says anything in less; telephones need as long to open."""
RATE_MIN: Final = 8_000
RATE_MAX: Final = 192_000
CHANNELS_MAX: Final = 8
BLOCK_S: Final = 1
RMS_MIN: Final = 100.0
"""-50 dBFS: below it a telephone carries nothing but its own noise."""
FULL_SCALE: Final = 32_768.0

FORMATS: Final = frozenset({"WAV", "WAVEX", "FLAC", "OGG", "MP3"})
"""As libsndfile names them; Ogg holds Vorbis or Opus."""
NO_AUDIO: Final = Failed("no audio")
"""None of the formats."""
GARBAGE: Final = Failed("garbage")
"""One of the formats by its head, and not by what follows."""
TOO_LONG: Final = Failed("too long")
TOO_SHORT: Final = Failed("too short")
SILENCE: Final = Failed("silence")


def decode(path: str) -> Decoded | Failed:
    """Return the clips that the file holds, or its fault."""
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, TypeError):  # TypeError: raw samples, which nothing describes
        return NO_AUDIO
    with file:
        if file.format not in FORMATS:
            return NO_AUDIO
        if file.format.startswith("WAV") and is_cut(path):
            return GARBAGE
        if not (RATE_MIN <= file.samplerate <= RATE_MAX and 1 <= file.channels <= CHANNELS_MAX):
            return GARBAGE
        try:
            wave = read(file)
        except soundfile.SoundFileError:
            return GARBAGE
    if wave is None:
        return TOO_LONG
    if len(wave) < DURATION_S_MIN * RATE:
        return TOO_SHORT
    if not np.isfinite(wave).all():
        return GARBAGE
    rms = loudness(wave)
    if rms < RMS_MIN:
        return SILENCE
    return Decoded(to_alaw(wave), to_alaw(level(wave)), len(wave) / RATE, rms)


def read(file: "soundfile.SoundFile") -> Wave | None:
    """Return it in mono at 8 kHz; None where there is more than five minutes of it. Raises SoundFileError."""
    stream = soxr.ResampleStream(file.samplerate, RATE, 1, dtype="float32")
    kept, count, left = [], 0, 0 if file.format == "MP3" else file.frames
    for block in blocks(file):
        left -= len(block)
        narrow = stream.resample_chunk(block)
        count += len(narrow)
        if count > DURATION_S_MAX * RATE:
            return None
        kept.append(narrow)
    if left > 0:  # an MP3 says nothing that could be held against it
        raise soundfile.SoundFileRuntimeError("it ends before its end")
    kept.append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(kept) * np.float32(FULL_SCALE)


def blocks(file: "soundfile.SoundFile") -> Iterator[Wave]:
    """Yield its samples, all channels mixed into one."""
    while len(block := file.read(BLOCK_S * file.samplerate, dtype="float32", always_2d=True)):
        yield block.mean(axis=1, dtype=np.float32)


def is_cut(path: str) -> bool:
    """Tell whether a WAV file promises more than it holds: half a message must not be taken for a whole one.

    Who wrote it into a pipe could not know the size, and wrote none or the largest.
    """
    with Path(path).open("rb") as file:
        promised = int.from_bytes(file.read(8)[4:], "little")
        held = file.seek(0, os.SEEK_END) - 8
    return held < promised < 0x7FFFFFFF
