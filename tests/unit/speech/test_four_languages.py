"""One message of the police in four languages: each is read, can be heard, and takes as long as it should."""

from pathlib import Path

import numpy as np
import pytest

from klaroen.cli.speech import SAMPLES
from klaroen.clips import ClipStore
from klaroen.core.model import Language
from klaroen.settings import Speech
from klaroen_adapters.speech import build_speaker
from klaroen_adapters.voice.twilio_clip import wav


@pytest.mark.parametrize("language", SAMPLES)
@pytest.mark.parametrize("verbatim", [True, False])
async def test_the_message_is_read_aloud(language: Language, verbatim: bool, tmp_path: Path) -> None:
    clips = ClipStore(tmp_path)
    speaker = build_speaker(Speech(), clips)
    clip = await speaker.render(SAMPLES[language], language, verbatim=verbatim)
    speaker.close()
    samples = np.frombuffer(wav(clips.read(clip.id))[44:], "<i2").astype(np.float64)
    assert 5.0 < clip.duration_s < 10.0
    assert clip.duration_s == len(samples) / 8_000
    loudness = np.sqrt(np.mean(samples**2))
    assert 1_500 < loudness < 5_000  # -27 to -16 dBFS over all, pauses included
    quarters = np.array_split(samples[2_000:-6_000], 4)
    assert all(np.sqrt(np.mean(quarter**2)) > 800 for quarter in quarters)  # it speaks to the end
    assert np.max(np.abs(samples)) < 32_000
