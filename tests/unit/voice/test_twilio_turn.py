"""What a call does, turn by turn; and the clips that it plays."""

import io
import re
import wave
import xml.etree.ElementTree as Xml
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from twilio.twiml.voice_response import VoiceResponse

from klaroen.core.model import AttemptId, CarrierName, ClipId, Instant
from klaroen.core.ports import Receipt
from klaroen_adapters.voice.twilio_clip import clip_url, may_fetch, wav
from klaroen_adapters.voice.twilio_mark import Account, Mark, Place, read_mark, turn_url
from klaroen_adapters.voice.twilio_turn import Lengths, Turn, take_turn

NOW = Instant(1_795_302_930_000)
ACCOUNT = Account(CarrierName("cloud"), "https://api.test", "AC1", "t0ken", "https://bin.test?a=1&b=<2>", "")
CLIP, PROMPT, REPLY = (ClipId(digit * 64) for digit in "abc")
PLAIN = Mark(AttemptId("a1"), 7, CLIP, None, None, 2, 1_795_306_400)
LENGTHS = Lengths(10.0, 3.0, 2.0)
REPLIES, ASKS = replace(PLAIN, reply=REPLY), replace(PLAIN, reply=REPLY, prompt=PROMPT)
FORM = [("CallSid", "CA1"), ("To", "+32470000001"), ("CallStatus", "in-progress")]


def receipts(*said: tuple[str, str]) -> tuple[Receipt, ...]:
    return tuple(
        Receipt(state, words, ref="CA1", attempt=AttemptId("a1"), reference=7, address="+32470000001")  # type: ignore[arg-type]
        for state, words in said
    )


def take(mark: Mark, place: Place | None = None, digits: str | None = None, lengths: Lengths = LENGTHS) -> Turn:
    form = FORM if digits is None else [*FORM, ("Digits", digits)]
    return take_turn(ACCOUNT, mark, place, form, lengths, NOW)


def at(ended_by: str, seconds: float, play: int = 1, *, replied: bool = False, pressed: bool = False) -> Place:
    """A play that began so many seconds ago."""
    since = Instant(NOW - round(seconds * 1000))
    return Place(ended_by, play, since, replied, pressed)  # type: ignore[arg-type]


def verbs(turn: Turn) -> list[str]:
    """What is done, as words."""
    found = []
    for verb in Xml.fromstring(turn.twiml):
        words = verb.tag
        if verb.tag == "Play":
            words += f" {name_of(verb)}"
        elif verb.tag == "Pause":
            words += f" {verb.get('length')}"
        elif verb.tag == "Gather":
            words += f" {[name_of(one) for one in verb]} {verb.get('timeout')}"
        found.append(words)
    return found


def name_of(verb: Xml.Element) -> str:
    """Which clip is played."""
    found = re.search(r"/v1/clips/cloud/([0-9a-f]{64})\.wav", verb.text or "")
    assert found is not None
    return {CLIP: "clip", PROMPT: "prompt", REPLY: "reply"}[ClipId(found[1])]


def following(turn: Turn) -> tuple[Place | None, Place | None]:
    """Where the call will say that it stands: after a key, and after the play."""
    document = Xml.fromstring(turn.twiml)
    gather, redirect = document.find("Gather"), document.find("Redirect")
    key = None if gather is None else gather.get("action", "")
    ended = None if redirect is None else redirect.text or ""
    return tuple(url and read_mark(url.rpartition("?")[2].encode())[1] for url in (key, ended))  # type: ignore[return-value]


# --- the plays ------------------------------------------------------------------------------------------------------


def test_R10_a_crisis_call_speaks_nothing_but_the_text() -> None:
    """Two plays, no ear for keys, nothing else."""
    first = take(PLAIN)
    assert (["Play clip", "Redirect"], ()) == (verbs(first), first.receipts)
    assert (None, Place("itself", 1, NOW)) == following(first)
    second = take(PLAIN, at("itself", 10))
    assert ["Pause 1", "Play clip", "Redirect"] == verbs(second)
    assert receipts(("reached", "played 100 %")) == second.receipts
    assert (None, Place("itself", 2, Instant(NOW + 1000))) == following(second)
    assert ["Hangup"] == verbs(take(PLAIN, at("itself", 10, 2)))


def test_a_prompt_is_asked_after_each_play_and_a_key_is_waited_for() -> None:
    first = take(ASKS)
    assert ["Gather ['clip', 'prompt'] 4", "Redirect"] == verbs(first)
    assert (Place("key", 1, NOW), Place("itself", 1, NOW)) == following(first)
    second = take(ASKS, at("itself", 17))
    assert ["Gather ['clip', 'prompt'] 4", "Redirect"] == verbs(second)
    assert receipts(("reached", "played 100 %")) == second.receipts


def test_R15_a_play_that_was_over_too_soon_was_none() -> None:
    """The carrier could not fetch the clip and went on: four fifths of it have not even had the time."""
    early = take(PLAIN, at("itself", 7.9))
    assert (["Hangup"], receipts(("failed", "clip not played"))) == (verbs(early), early.receipts)
    assert receipts(("reached", "played 80 %")) == take(PLAIN, at("itself", 8.0)).receipts
    assert receipts(("failed", "clip not played")) == take(ASKS, at("itself", 14.9)).receipts
    assert receipts(("reached", "played 80 %")) == take(ASKS, at("itself", 15.0)).receipts
    assert receipts(("failed", "clip not played")) == take(REPLIES, at("itself", 8.9)).receipts


@pytest.mark.parametrize("lengths", [Lengths(0.0), LENGTHS])
def test_what_is_not_there_is_not_played(lengths: Lengths) -> None:
    mark = PLAIN if not lengths.clip_s else replace(PLAIN, clip=None)
    gone = take(mark, lengths=lengths)
    assert (["Hangup"], receipts(("failed", "clip missing"))) == (verbs(gone), gone.receipts)


# --- keys -----------------------------------------------------------------------------------------------------------


def test_key_1_confirms_what_was_heard_and_ends_the_call() -> None:
    turn = take(ASKS, at("key", 8.5), "1")
    assert ["Hangup"] == verbs(turn)
    assert receipts(("reached", "played 85 %"), ("confirmed", "key 1")) == turn.receipts


def test_key_1_before_the_clip_was_heard_counts_once_it_is() -> None:
    """The carrier has stopped the clip for the key: it is played once more, and no key stops it."""
    early = take(ASKS, at("key", 3), "1")
    assert (["Pause 1", "Play clip", "Redirect"], ()) == (verbs(early), early.receipts)
    _, ended = following(early)
    assert ended == Place("itself", 1, Instant(NOW + 1000), pressed=True)
    late = take(ASKS, at("itself", 10, pressed=True))
    assert ["Hangup"] == verbs(late)
    assert receipts(("reached", "played 100 %"), ("confirmed", "key 1")) == late.receipts


def test_R17_another_key_brings_the_reply_once() -> None:
    """What was cut short is played again; what was heard is not."""
    early = take(ASKS, at("key", 3), "5")
    assert ["Play reply", "Play clip", "Gather ['prompt'] 4", "Redirect"] == verbs(early)
    assert (Place("key", 1, Instant(NOW + 2000), True), Place("itself", 1, Instant(NOW + 2000), True)) == following(
        early
    )
    heard = take(ASKS, at("key", 12), "#")
    assert ["Play reply", "Play clip", "Gather ['prompt'] 4", "Redirect"] == verbs(heard)
    assert 2 == (following(heard)[0] or Place("key", 0, NOW)).play
    assert receipts(("reached", "played 100 %")) == heard.receipts
    again = take(ASKS, at("key", 12, 1, replied=True), "5")
    assert ["Play clip", "Gather ['prompt'] 4", "Redirect"] == verbs(again)
    assert ["Hangup"] == verbs(take(ASKS, at("key", 12, 2, replied=True), "5"))
    assert ["Play reply", "Hangup"] == verbs(take(ASKS, at("key", 12, 2), "5"))


def test_without_a_prompt_key_1_is_a_key_like_others() -> None:
    turn = take(REPLIES, at("key", 3), "1")
    assert ["Play reply", "Pause 1", "Play clip", "Redirect"] == verbs(turn)
    assert ["Gather ['clip'] 1", "Redirect"] == verbs(take(REPLIES))


def test_a_key_that_is_pressed_again_and_again_holds_no_call() -> None:
    """Whoever has had the reply moves on with every further key, heard or not."""
    turn = take(ASKS, at("key", 1, 2, replied=True), "5")
    assert ["Hangup"] == verbs(turn)


@pytest.mark.parametrize("digits", [None, "", "x", "hangup"])
def test_what_is_no_key_is_none(digits: str | None) -> None:
    assert receipts(("reached", "played 100 %")) == take(ASKS, at("key", 30), digits).receipts


def test_a_reply_that_is_gone_is_silent() -> None:
    assert ["Pause 1", "Play clip", "Redirect"] == verbs(
        take(REPLIES, at("key", 3), "5", replace(LENGTHS, reply_s=0.0))
    )


# --- TwiML ----------------------------------------------------------------------------------------------------------


def test_the_official_library_would_write_the_same() -> None:
    """Verbs, attributes and escapes, as `twilio.twiml` has them."""
    ours = take(ASKS)
    (key, ended), until_s = following(ours), ASKS.until_s
    theirs = VoiceResponse()
    gather = theirs.gather(
        input="dtmf",
        num_digits="1",
        finish_on_key="",
        timeout="4",
        action=turn_url(ACCOUNT, ASKS, key),
        method="POST",
    )
    gather.play(clip_url(ACCOUNT, CLIP, until_s))
    gather.play(clip_url(ACCOUNT, PROMPT, until_s))
    theirs.redirect(turn_url(ACCOUNT, ASKS, ended), method="POST")
    assert Xml.canonicalize(theirs.to_xml()) == Xml.canonicalize(ours.twiml.decode())


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40))
def test_an_address_comes_out_of_twiml_as_it_went_in(base: str) -> None:
    account = replace(ACCOUNT, callbacks=base)
    document = Xml.fromstring(take_turn(account, ASKS, None, FORM, LENGTHS, NOW).twiml)
    gather, redirect = document.find("Gather"), document.find("Redirect")
    assert gather is not None
    assert redirect is not None
    assert turn_url(account, ASKS, Place("key", 1, NOW)) == gather.get("action")
    assert turn_url(account, ASKS, Place("itself", 1, NOW)) == redirect.text
    assert clip_url(account, CLIP, ASKS.until_s) == gather[0].text


@given(
    st.sampled_from([PLAIN, REPLIES, ASKS]),
    st.lists(st.tuples(st.sampled_from(["", "1", "5"]), st.floats(0, 40)), min_size=60, max_size=60),
)
def test_every_call_ends(mark: Mark, story: list[tuple[str, float]]) -> None:
    """Whatever is pressed and whenever, a call is over within eight turns."""
    turn, now, turns = take(mark), NOW, 1
    for key, after_s in story:
        place_by_key, place = following(turn)
        if place is None:
            break
        pressed = key if place_by_key is not None else ""
        now = Instant(now + round(after_s * 1000))
        form = [*FORM, ("Digits", pressed)] if pressed else FORM
        turn = take_turn(ACCOUNT, mark, place_by_key if pressed else place, form, LENGTHS, now)
        turns += 1
    assert ["Hangup"] == verbs(turn)[-1:]
    assert turns <= 8


# --- clips ----------------------------------------------------------------------------------------------------------


def test_a_clips_address_is_its_own_and_ends() -> None:
    """Who has it may hear that clip until then: not another one, not longer, not by another's secret."""
    query = parse_qs(urlsplit(clip_url(replace(ACCOUNT, callbacks="https://b"), CLIP, 1_795_306_400)).query)
    key, until_s = query["key"][0], int(query["until"][0])
    assert may_fetch("t0ken", CLIP, until_s, key, NOW)
    assert may_fetch("t0ken", CLIP, until_s, key, Instant(until_s * 1000 - 1))
    assert not may_fetch("t0ken", CLIP, until_s, key, Instant(until_s * 1000))
    assert not may_fetch("t0ken", PROMPT, until_s, key, NOW)
    assert not may_fetch("t0ken", CLIP, until_s + 1, key, NOW)
    assert not may_fetch("other", CLIP, until_s, key, NOW)
    assert not may_fetch("t0ken", CLIP, until_s, "é\udc80", NOW)


def test_a_clip_becomes_the_samples_of_G711_one_for_one() -> None:
    """All 256 octets: 13-bit values in 16 bits, symmetric, as the recommendation's table 1 has them."""
    with wave.open(io.BytesIO(wav(bytes(range(256))))) as clip:
        assert (1, 2, 8000, 256) == (
            clip.getnchannels(),
            clip.getsampwidth(),
            clip.getframerate(),
            clip.getnframes(),
        )
        samples = memoryview(clip.readframes(256)).cast("h").tolist()
    assert (8, -8, 32256, -32256, 1376) == (
        samples[0xD5],
        samples[0x55],
        samples[0xAA],
        samples[0x2A],
        samples[0xE0],
    )
    assert all(samples[octet] == -samples[octet ^ 0x80] for octet in range(256))
    assert 256 == len(set(samples))
