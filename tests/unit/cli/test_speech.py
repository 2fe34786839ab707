"""`klaroen speech`: with the real voices, in their processes."""

import json
import wave
from pathlib import Path

import pytest

from klaroen import cli
from klaroen_adapters.speech import voices


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KLAROEN_CONFIG", raising=False)


def test_a_text_is_read_into_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.wav"
    assert 0 == cli.main(("speech", "say", "Rufen Sie 101 an.", "--language", "de", "--out", str(out), "--json"))
    told = json.loads(capsys.readouterr().out)
    with wave.open(str(out)) as file:
        assert (1, 2, 8_000) == (file.getnchannels(), file.getsampwidth(), file.getframerate())
        assert told["duration_s"] == file.getnframes() / 8_000
    assert ("pico", str(out)) == (told["engine"], told["out"])


def test_a_text_that_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == cli.main(("speech", "say", "...", "--out", str(tmp_path / "x.wav")))
    assert "klaroen: No voice can say this: espeak-pico: silence; espeak-ng: silence.\n" == capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == cli.main(("speech", "say", "Hallo.", "--out", str(tmp_path / "none" / "x.wav")))
    assert "cannot be written: No such file or directory." in capsys.readouterr().err


def test_every_voice_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == cli.main(("speech", "check", "--json"))
    told = json.loads(capsys.readouterr().out)
    assert {"nl", "fr", "de", "en"} == set(told["engines"])
    assert {None} == {voice["fault"] for voice in told["voices"]}
    assert 0 == cli.main(("speech", "check"))
    assert "in reserve" in capsys.readouterr().out


def test_a_language_that_nobody_reads_is_a_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any voice the check fails, and says so for each language."""
    monkeypatch.setattr(voices, "_installed", lambda _: None)
    monkeypatch.setattr(voices, "which", lambda _: None)
    assert 1 == cli.main(("speech", "check", "--json"))
    assert {"engines": {}, "voices": []} == json.loads(capsys.readouterr().out)


def test_a_voice_that_is_configured_and_not_installed_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, config = tmp_path / "nl.onnx", tmp_path / "k.toml"
    model.touch()
    config.write_text(f'data_dir = "{tmp_path}"\n[speech]\npiper = {{nl = "{model}"}}\n')
    monkeypatch.setattr(voices, "_installed", lambda _: None)
    assert 1 == cli.main(("speech", "check", "--config", str(config)))
    assert "speech.piper names voices, but piper-tts is not installed" in capsys.readouterr().err
