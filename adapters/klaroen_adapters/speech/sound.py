"""Samples made fit for the telephone: measured, levelled, brought to 8 kHz, framed by a little silence, as A-law.

Law: pure, over numpy and soxr, which only a worker imports. Levelling is one gain for all of a clip: nothing of the
voice changes but how loud it is.
"""

from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from klaroen_adapters.speech.alaw import TABLE
from klaroen_adapters.speech.frames import Said

Wave = NDArray[np.float32]
"""Mono; full scale is 32,768, as in 16 bits."""

RATE: Final = 8_000
LEVEL_RMS: Final = 3_300.0
"""-20 dBFS of active speech: networks are built for -19 to -26 (ITU-T P.56, G.168)."""
PEAK_MAX: Final = 30_000.0
"""A loud syllable stays below A-law's largest value [32,256], and resampling overshoots a little."""
FULL_SCALE: Final = 32_700
FRAME: Final = 160
"""Samples at 8 kHz, 20 ms: what counts as loud or still."""
STILL: Final = 0.1
"""A frame that has a tenth of the loudness of the whole is a pause, and does not count as speech."""
BEFORE_S: Final = 0.25
"""The callee's ear, and some media paths, need a moment."""
AFTER_S: Final = 0.75
"""Between two plays, so that they do not run into each other."""

_TABLE: Final = np.frombuffer(TABLE, np.uint8)


def spoken(samples: bytes, rate: int) -> Said:
    """Return what an engine said as a clip, with what was measured before it was levelled."""
    wave = np.frombuffer(samples, np.int16).astype(np.float32)
    clipped = float(np.mean(np.abs(wave) >= FULL_SCALE)) if wave.size else 0.0
    narrow = to_telephone(wave, rate)
    framed = (np.zeros(int(BEFORE_S * RATE), np.float32), level(narrow), np.zeros(int(AFTER_S * RATE), np.float32))
    octets = to_alaw(np.concatenate(framed))
    return Said(octets, len(octets) / RATE, loudness(narrow), clipped)


def to_telephone(wave: Wave, rate: int) -> Wave:
    return np.asarray(soxr.resample(wave, rate, RATE), np.float32) if wave.size else wave


def level(wave: Wave) -> Wave:
    """Return the wave as loud as speech on a line is, by one gain."""
    loud, peak = loudness(wave), float(np.max(np.abs(wave), initial=0.0))
    if not loud or not peak:
        return wave
    return wave * np.float32(min(LEVEL_RMS / loud, PEAK_MAX / peak))


def loudness(wave: Wave) -> float:
    """Return the root mean square of what is no pause; 0 for silence. Units: as in 16 bits."""
    powers = np.square(wave[: wave.size // FRAME * FRAME].astype(np.float64)).reshape(-1, FRAME).mean(axis=1)
    if not powers.size:
        return 0.0
    return float(np.sqrt(powers[powers >= powers.mean() * STILL**2].mean()))


def to_alaw(wave: Wave) -> bytes:
    samples = np.clip(np.rint(wave), -32_768, 32_767).astype(np.int16)
    return _TABLE[samples.view(np.uint16)].tobytes()
