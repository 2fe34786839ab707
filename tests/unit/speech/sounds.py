"""Files such as people post."""

from pathlib import Path

import numpy as np
import soundfile


def speechlike(
    seconds: float, rate: int = 16_000, amplitude: float = 0.2
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Syllables: a low tone that comes and goes four times a second."""
    at = np.arange(int(seconds * rate)) / rate
    return amplitude * np.sin(2 * np.pi * 220 * at) * np.clip(np.sin(2 * np.pi * 4 * at), 0, 1)


def write(
    path: Path, seconds: float = 2.0, rate: int = 16_000, channels: int = 1, amplitude: float = 0.2, **form: str
) -> Path:
    wave = speechlike(seconds, rate, amplitude)
    soundfile.write(path, np.stack([wave] * channels, axis=1), rate, **form)
    return path
