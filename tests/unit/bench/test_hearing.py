"""What a call played is held against the clips, octet for octet."""

import random

import pytest

from klaroen_bench.carriers.sounds import GAP
from klaroen_bench.g711 import ALAW, SILENCE, TO_ULAW, rms
from klaroen_bench.hearing import Heard, Listener, agreement


def clip_of(seed: int, octets: int) -> bytes:
    return random.Random(seed).randbytes(octets)


CLIP, OTHER_CLIP = clip_of(1, 8_037), clip_of(2, 4_000)
PROMPT, REPLY = clip_of(3, 1_600), clip_of(4, 2_000)
QUIET = bytes([SILENCE])


def heard(*parts: bytes | int, keys: str = "", clips: dict[str, bytes] | None = None) -> Heard:
    """Judge a call: octets, or a number of lost packets."""
    sounds = {index: part for index, part in enumerate(parts) if isinstance(part, bytes)}
    stretches = [
        [index, 0, len(part)] if isinstance(part, bytes) else [GAP, 0, part] for index, part in enumerate(parts)
    ]
    listener = Listener(sounds, clips or {"nl": CLIP, "fr": OTHER_CLIP}, [PROMPT, REPLY])
    return listener.hear(stretches, keys)


@pytest.mark.parametrize(
    ("parts", "plays", "others"),
    [
        ((CLIP,), 1, 0),
        ((CLIP, CLIP), 2, 0),
        ((CLIP, PROMPT, CLIP, PROMPT), 2, 2),
        ((CLIP + QUIET * 123, QUIET * 1_600, CLIP), 2, 0),
        ((QUIET * 4_000, CLIP, QUIET * 77), 1, 0),
    ],
    ids=["once", "twice", "asked for a key", "filled up and paused", "silence around it"],
)
def test_a_clip_that_is_played_is_whole(parts, plays, others) -> None:
    """As often as it is played, with what may be said after it."""
    assert Heard(frozenset({"nl"}), 1.0, plays, others, False) == heard(*parts)


def test_a_clip_that_begins_with_silence_is_found_in_silence() -> None:
    clip = QUIET * 800 + CLIP
    assert heard(QUIET * 1_234, clip, QUIET * 500, clip, clips={"nl": clip}).plays == 2


@pytest.mark.parametrize(
    ("octets", "share", "whole"),
    [(0, 0.0, False), (3_200, 0.4579, False), (5_900, 0.7938, False), (6_000, 0.8063, True)],
)
def test_four_fifths_are_enough(octets: int, share: float, whole: bool) -> None:
    """Three packets may have been on their way."""
    found = heard(CLIP[:octets])
    assert (share, whole, False) == (found.share, found.whole, found.strange)


def test_nothing_heard_is_not_strange() -> None:
    assert Heard(frozenset(), 0.0, 0, 0, False) == heard() == heard(QUIET * 320) == heard(2)


def test_two_halves_do_not_make_a_whole() -> None:
    """The share is that of one play."""
    found = heard(CLIP[:4_800], REPLY, CLIP[:4_800], keys="5")
    assert (False, 2, 1) == (found.whole, found.plays, found.others)


@pytest.mark.parametrize(
    "parts",
    [
        (CLIP[:4_000] + bytes([CLIP[4_000] ^ 1]) + CLIP[4_001:],),
        (CLIP[160:],),
        (CLIP[:-160], CLIP),
        (CLIP[:3_200], REPLY),
        (PROMPT, CLIP),
        (CLIP, clip_of(5, 160)),
        (CLIP, OTHER_CLIP),
        (CLIP[:4_000] + CLIP[4_160:],),
        (QUIET * 160 + clip_of(6, 320),),
    ],
    ids=[
        "another octet", "its start is missing", "its end is missing", "broken off without a key", "a prompt before it",
        "something after it", "two clips", "a packet left out", "something else",
    ],
)  # fmt: skip
def test_anything_else_is_strange(parts) -> None:
    found = heard(*parts)
    assert (True, frozenset()) == (found.strange, found.clips)


def test_a_key_breaks_off_what_is_said() -> None:
    """The reply comes, and the clip again."""
    assert Heard(frozenset({"nl"}), 1.0, 2, 1, False) == heard(CLIP[:3_200], REPLY, CLIP, keys="5")
    assert heard(CLIP[:3_200], REPLY, CLIP).strange


def test_what_is_broken_off_in_its_silence_is_followed_by_another_silence() -> None:
    """Where the one ends and the other begins is told by the other's length; the share is not flattered by it."""
    clip, reply = CLIP[:3_200] + QUIET * 2_400 + CLIP[3_200:], QUIET * 800 + REPLY
    sounds = {0: clip[:3_680] + reply + clip}
    listener = Listener(sounds, {"nl": clip}, [reply])
    assert Heard(frozenset({"nl"}), 1.0, 2, 1, False) == listener.hear([[0, 0, len(sounds[0])]], "5")
    share = round((3_680 + 480) / len(clip), 4)
    assert Heard(frozenset({"nl"}), share, 1, 1, False) == listener.hear([[0, 0, 3_680 + len(reply)]], "5")


def test_what_is_broken_off_in_its_last_silence_seems_whole() -> None:
    """As much silence follows as was left of it, and more."""
    clip, reply = CLIP + QUIET * 1_123, QUIET * 1_600 + REPLY
    call = clip[:8_160] + reply
    share = round((8_160 + 480) / len(clip), 4)
    assert Heard(frozenset({"nl"}), share, 1, 1, False) == Listener({0: call}, {"nl": clip}, [reply]).hear(
        [[0, 0, len(call)]], "5"
    )


def test_whose_silence_it_is_is_told_by_who_reaches_furthest() -> None:
    """A longer silence that goes on alike for an octet is none of the other's."""
    clip, reply = QUIET * 900 + CLIP + QUIET * 400, QUIET * 800 + CLIP[:1] + REPLY
    call = clip + reply[:803]
    found = Listener({0: call}, {"nl": clip}, [reply]).hear([[0, 0, len(call)]], "1")
    assert Heard(frozenset({"nl"}), 1.0, 1, 1, False) == found


def test_octets_that_happen_to_be_alike_do_not_mislead() -> None:
    """Speech is broken off between packets, even if the next begins as it would have gone on."""
    reply = CLIP[3_200:3_205] + REPLY
    found = Listener({0: CLIP[:3_200] + reply + CLIP}, {"nl": CLIP}, [reply]).hear([[0, 0, 3_205 + 2_000 + 8_037]], "5")
    assert Heard(frozenset({"nl"}), 1.0, 2, 1, False) == found


@pytest.mark.parametrize(
    ("parts", "plays", "missing"),
    [
        ((CLIP[:1_600], 2, CLIP[1_920:]), 1, 320),
        ((1, CLIP[160:]), 1, 160),
        ((CLIP[:-37], 1), 1, 37),
        ((CLIP[:1_600], 60, CLIP[1_600:]), 1, 0),
        ((CLIP, 3, QUIET * 480 + PROMPT, CLIP), 2, 0),
        ((CLIP[:1_600], 200, CLIP), 2, 0),
        ((CLIP, 1, PROMPT[160:]), 1, 0),
    ],
    ids=["in its midst", "at its start", "at its end", "and goes on", "between", "and begins anew", "of the prompt"],
)
def test_what_the_network_lost_is_not_strange(parts, plays, missing) -> None:
    """It is only not heard."""
    found = heard(*parts)
    assert (False, frozenset({"nl"}), plays) == (found.strange, found.clips, found.plays)
    in_flight = 480 if missing else 0
    assert found.share == round(min(1.0, (len(CLIP) - missing + in_flight) / len(CLIP)), 4)


def test_clips_that_begin_alike_are_told_apart_where_they_part() -> None:
    clips = {"nl": CLIP, "fr": CLIP[:1_600] + OTHER_CLIP}
    assert frozenset({"nl", "fr"}) == heard(CLIP[:800], clips=clips).clips
    assert frozenset({"fr"}) == heard(CLIP[:1_600] + OTHER_CLIP[:160], clips=clips).clips


def test_what_is_heard_alike_is_judged_alike() -> None:
    listener = Listener({0: CLIP}, {"nl": CLIP})
    assert listener.hear([[0, 0, 1_600]]) is listener.hear([[0, 0, 1_600]])


def test_a_ledger_without_its_sounds_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="sound 7"):
        Listener({7: CLIP[:100]}, {"nl": CLIP}).hear([[7, 0, 160]])


def test_agreement_is_the_first_difference() -> None:
    for first in (0, 1, 77, 7_999):
        other = CLIP[:first] + bytes([CLIP[first] ^ 0x80]) + CLIP[first + 1 :]
        assert first == agreement(b"..." + other, 3, CLIP, 0)
    assert 37 == agreement(CLIP, 8_000, CLIP, 8_000)


@pytest.mark.parametrize("octet", range(0, 256, 5))
def test_mu_law_is_heard_as_the_table_has_it(octet: int) -> None:
    """Each octet by the one that says the same, silence too; one that is off by one is strange."""
    clip = QUIET * 480 + bytes([octet]) * 160 + CLIP
    played = QUIET * 160 + clip
    said = played.translate(TO_ULAW)
    other = said[:700] + bytes([said[700] ^ 1]) + said[701:]
    listener = Listener({0: said, 1: other}, {"nl": clip})
    assert Heard(frozenset({"nl"}), 1.0, 1, 0, False) == listener.hear([[0, 0, len(said)]], mu_law=True)
    assert listener.hear([[1, 0, len(other)]], mu_law=True).strange
    assert listener.hear([[0, 0, len(said)]]).strange


# --- the tables ---


def test_alaw_is_the_recommendations() -> None:
    """G.711, table 1a: the ends and the middle, and each size with both signs."""
    assert (8, -8, 32_256, -32_256) == (ALAW[0xD5], ALAW[0x55], ALAW[0xAA], ALAW[0x2A])
    assert all(ALAW[octet] == -ALAW[octet ^ 0x80] for octet in range(256))
    assert 256 == len(set(ALAW))


def test_mulaw_is_the_recommendations() -> None:
    """Table 2a by its decision values: louder is further from silence, signs are alike, and the ends are the ends."""
    positive = [TO_ULAW[octet] for octet in sorted(range(256), key=ALAW.__getitem__) if ALAW[octet] > 0]
    assert positive == sorted(positive, reverse=True)
    assert (0xFE, 0x7E, 0x80, 0x00) == (TO_ULAW[0xD5], TO_ULAW[0x55], TO_ULAW[0xAA], TO_ULAW[0x2A])
    assert all(TO_ULAW[octet] == TO_ULAW[octet ^ 0x80] ^ 0x80 for octet in range(256))


@pytest.mark.parametrize(("alaw", "ulaw"), [(0xD5, 0xFE), (0xD4, 0xFC), (0x8A, 0x9F), (0x0A, 0x1F), (0xF5, 0xDB)])
def test_octets_that_are_known_from_elsewhere(alaw: int, ulaw: int) -> None:
    """As the C library of a telephone exchange has them; at 8064 the decision is not the middle."""
    assert ulaw == TO_ULAW[alaw]


def test_loudness() -> None:
    """The root of the mean square."""
    assert (0.0, 8.0, 32_256.0) == (rms(b""), rms(bytes([0xD5, 0x55])), rms(b"\xaa\x2a"))
