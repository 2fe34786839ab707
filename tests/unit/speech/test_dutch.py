"""Dutch in the phonemes of a German voice."""

from collections.abc import Mapping

import pytest
from tests.unit.speech.apart import read

from klaroen_adapters.speech.dutch import PHONEMES, is_whole, spell

SOUNDS = sorted(set(PHONEMES.values()) - {'"', "%"})


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        (["bˈɛl də poːlˈitsi"], ["""<phoneme ph='b "E l'/> <phoneme ph='d @'/> <phoneme ph='p o: l "i: t s i:'/>."""]),
        (["hˈœys", "tˈœyn"], ["""<phoneme ph='h "OY s'/>.""", """<phoneme ph='t "OY n'/>."""]),
        (["(en)wˈɛb(nl)sɑjt"], ["""<phoneme ph='v "E b s a j t'/>."""]),
        (["ǃ ?", "'/><>"], []),
        (["də " * 25], [" ".join(["<phoneme ph='d @'/>"] * 24) + ".", "<phoneme ph='d @'/>."]),
        ([], []),
    ],
)
def test_words_are_spelt_in_sounds(clauses: list[str], expected: list[str]) -> None:
    """What the table has not is left out: whatever stands in a text, no tag but ours reaches the engine."""
    assert expected == spell(clauses)


@pytest.fixture(scope="module")
def lengths() -> Mapping[str, int]:
    """A word with each sound in it, and with none, as octets."""
    words = {"": "m a: m a:", **{sound: f"m a: {sound} m a:" for sound in SOUNDS}}
    heard = read([("pico", "de-DE", f"<phoneme ph='{word}'/>.") for word in words.values()])
    return {sound: len(samples) for sound, (samples, _) in zip(words, heard, strict=True)}


@pytest.mark.parametrize("sound", SOUNDS)
def test_the_voice_has_each_sound(sound: str, lengths: Mapping[str, int]) -> None:
    """Pico drops in silence what it does not know: with the sound, a word is longer than without."""
    assert lengths[""] < lengths[sound]


def test_dutch_is_read_and_never_obeyed() -> None:
    texts = ("Bel de politie.", "Bel <break time='60s'/> de politie.")
    (plain, _), (tagged, rate) = read([("espeak-pico", "nl de-DE", text) for text in texts])
    assert 1.0 < len(plain) / 2 / rate < 3.0
    assert len(plain) < len(tagged) < len(plain) + 2 * rate * 10


@pytest.mark.parametrize(
    ("text", "clauses", "expected"),
    [
        ("Bel 101 nu!", ["bˈɛl hˈɔndərd ˈeːn nˈy"], True),
        ("een twee drie vier - vijf zes zeven acht negen tien", ["a b c d e", "f g h i"], True),
        ("x x x x", ["ˈɪks ˈɪks ˈɪks"], False),
    ],
)
def test_lost_words_are_noticed(text: str, clauses: list[str], expected: bool) -> None:
    assert expected == is_whole(text, clauses)


def test_a_text_that_loses_words_is_left_to_another_voice() -> None:
    with pytest.raises(ValueError, match="lost words"):
        read([("espeak-pico", "nl de-DE", "x " * 900)])


def test_a_long_text_comes_to_its_end() -> None:
    """Of a sentence of 180 words Pico never comes to the end."""
    ((samples, rate),) = read([("espeak-pico", "nl de-DE", "Er is brand " * 160)])
    assert 80 < len(samples) / 2 / rate < 150
