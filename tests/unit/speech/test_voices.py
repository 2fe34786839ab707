"""Which voice may read what."""

from pathlib import Path

import pytest

from klaroen.settings import Speech
from klaroen_adapters.speech import voices
from klaroen_adapters.speech.frames import EngineName
from klaroen_adapters.speech.voices import Voice, find_voices


def names(found: "tuple[Voice, ...]") -> list[EngineName]:
    return [voice.engine for voice in found]


def test_a_pip_install_alone_speaks_four_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "which", lambda _: None)
    found = {language: names(own) for language, own in find_voices(Speech()).items()}
    assert {
        "nl": ["espeak-pico", "espeak-ng"],
        "fr": ["pico", "espeak-ng"],
        "de": ["pico", "espeak-ng"],
        "en": ["pico", "espeak-ng"],
    } == found


def test_better_voices_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Piper where a voice is configured, Pico, mbrola where it is installed, espeak-ng."""
    (tmp_path / "nl2").mkdir()
    (tmp_path / "nl2" / "nl2").touch()
    model = tmp_path / "nl_BE.onnx"
    model.touch()
    monkeypatch.setattr(voices, "MBROLA_VOICES", tmp_path)
    monkeypatch.setattr(voices, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(voices, "_installed", lambda _: "1.0")
    found = find_voices(Speech(piper={"nl": str(model)}))
    assert ["piper", "mbrola", "espeak-pico", "espeak-ng"] == names(found["nl"])
    assert [str(model), "mb-nl2", "nl de-DE", "nl"] == [voice.name for voice in found["nl"]]
    assert ["pico", "espeak-ng"] == names(found["fr"])


def test_what_is_not_installed_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "which", lambda _: None)
    monkeypatch.setattr(voices, "version", lambda _: _missing())
    assert {()} == set(find_voices(Speech()).values())


def _missing() -> str:
    raise voices.PackageNotFoundError


@pytest.mark.parametrize(
    ("engine", "text", "expected"),
    [
        ("pico", "L'Église, 5 € – œuf… 😎", True),
        ("pico", "a <play file='/etc/passwd'/>", False),
        ("pico", "Внимание", False),
        ("pico", "٣", False),
        ("piper", "a < b", True),
        ("piper", "[[h@l'oU]]", False),
        ("mbrola", "[[h@l'oU]]", False),
        ("espeak-ng", "<break/> [[h@l'oU]] Внимание", True),
        ("espeak-ng", "\x01s450", False),
        ("espeak-ng", "een\r\ntwee", True),
    ],
)
def test_a_voice_reads_what_it_would_read_as_it_stands(engine: EngineName, text: str, expected: bool) -> None:
    """R10: no markup is obeyed, no letters are left out."""
    assert expected == Voice(engine, "x", "1").can_read(text)
