"""What an answered call hears and proves (R15, R17)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from klaroen.core.model import ClipId
from klaroen.core.ports import Script
from klaroen_adapters.voice.ari_talk import KEY_MS, KEYS_MAX, PAUSE_MS, Act, HangUp, Play, Proved, Stop, Talk, Wait

CLIP, PROMPT, REPLY = (ClipId(digit * 64) for digit in "abc")
PLAIN = Script(CLIP, 30.0, 2)
ASKS, REPLIES = replace(PLAIN, prompt=PROMPT), replace(PLAIN, reply=REPLY)
BOTH = replace(ASKS, reply=REPLY)
CLIP_MS = 10_000
REACHED, CONFIRMED = Proved("reached", "played 100 %"), Proved("confirmed", "key 1")


def talk(script: Script) -> Talk:
    """One whose clip is heard from 0 on."""
    made = Talk(script, CLIP_MS)
    assert [Play(CLIP)] == made.start()
    made.playing(0)
    return made


def heard(script: Script) -> Talk:
    """One whose clip has been heard."""
    made = talk(script)
    made.played(CLIP_MS, whole=True)
    return made


def test_a_plain_message_is_played_twice_and_the_call_is_hung_up() -> None:
    one = talk(PLAIN)
    assert [REACHED, Wait(PAUSE_MS)] == one.played(CLIP_MS, whole=True)
    assert [Play(CLIP)] == one.wake()
    one.playing(11_000)
    assert [HangUp()] == one.played(21_000, whole=True)
    assert [] == one.end(21_100)


def test_a_prompt_follows_each_play_and_waits_for_a_key() -> None:
    one = talk(ASKS)
    assert [REACHED, Play(PROMPT)] == one.played(CLIP_MS, whole=True)
    assert [Wait(KEY_MS)] == one.played(12_000, whole=True)
    assert [Wait(PAUSE_MS)] == one.wake()
    assert [Play(CLIP)] == one.wake()
    assert [Play(PROMPT)] == one.played(30_000, whole=True)
    assert [Wait(KEY_MS)] == one.played(32_000, whole=True)
    assert [HangUp()] == one.wake()
    assert [] == one.wake()


def test_key_1_in_the_prompt_confirms_and_ends() -> None:
    one = heard(ASKS)
    assert [Stop(), CONFIRMED, HangUp()] == one.press("1", 10_500)
    assert [] == one.press("1", 10_600)
    assert [] == one.end(10_700)


def test_key_1_while_nothing_is_played_needs_no_stop() -> None:
    one = heard(ASKS)
    one.played(12_000, whole=True)
    assert [CONFIRMED, HangUp()] == one.press("1", 13_000)


@pytest.mark.parametrize(("at", "percent"), [(8_000, 80), (9_990, 99)])
def test_key_1_after_most_of_the_clip_confirms_at_once(at: int, percent: int) -> None:
    expected = [Stop(), Proved("reached", f"played {percent} %"), CONFIRMED, HangUp()]
    assert expected == talk(ASKS).press("1", at)


def test_key_1_too_early_counts_when_the_clip_was_heard() -> None:
    """It never cuts the warning short."""
    one = talk(ASKS)
    assert [] == one.press("1", 7_999)
    assert [REACHED, CONFIRMED, HangUp()] == one.played(CLIP_MS, whole=True)


def test_key_1_too_early_and_hung_up_confirms_nothing() -> None:
    one = talk(ASKS)
    one.press("1", 1_000)
    assert [Proved("failed", "hung up at 20 %")] == one.end(2_000)


def test_R17_another_key_is_answered_once_after_the_clip() -> None:
    one = talk(BOTH)
    assert [Proved("buffered", "key 5")] == one.press("5", 3_000)
    assert [Proved("buffered", "key 6")] == one.press("6", 4_000)
    assert [REACHED, Play(REPLY)] == one.played(CLIP_MS, whole=True)
    assert [Play(PROMPT)] == one.played(13_000, whole=True)
    assert [Proved("buffered", "key 5")] == one.press("5", 13_500)


def test_R17_another_key_in_the_prompt_is_answered_at_once() -> None:
    one = heard(BOTH)
    assert [Proved("buffered", "key 9"), Stop(), Play(REPLY)] == one.press("9", 10_500)
    assert [Play(PROMPT)] == one.played(13_000, whole=True)


def test_R17_another_key_while_nothing_is_played_is_answered_at_once() -> None:
    one = heard(REPLIES)
    assert [Proved("buffered", "key 1"), Play(REPLY)] == one.press("1", 10_500)
    assert [Wait(PAUSE_MS)] == one.played(13_000, whole=True)


def test_without_a_reply_a_key_is_only_told() -> None:
    one = talk(PLAIN)
    assert [Proved("buffered", "key 1")] == one.press("1", 3_000)
    assert [REACHED, Wait(PAUSE_MS)] == one.played(CLIP_MS, whole=True)


def test_who_plays_with_the_telephone_is_not_told_of_for_ever() -> None:
    one = talk(PLAIN)
    told = [act for at in range(100) for act in one.press("*", at)]
    assert [Proved("buffered", "key *")] * KEYS_MAX == told


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0, Proved("failed", "hung up at 0 %")),
        (7_999, Proved("failed", "hung up at 79 %")),
        (8_000, Proved("reached", "played 80 %")),
        (99_000, Proved("reached", "played 100 %")),
    ],
)
def test_R15_four_fifths_of_the_clip_are_proof(at: int, expected: Act) -> None:
    assert [expected] == talk(PLAIN).end(at)


def test_what_we_lost_sight_of_has_our_words() -> None:
    assert [Proved("failed", "connection lost")] == talk(PLAIN).end(7_000, "connection lost")
    assert [Proved("reached", "played 90 %")] == talk(PLAIN).end(9_000, "connection lost")


def test_two_halves_are_no_proof() -> None:
    """The clip must have been heard in one piece."""
    one = heard(PLAIN)
    one.wake()
    one.playing(20_000)
    assert [] == one.end(21_000)
    never = Talk(PLAIN, CLIP_MS)
    assert [Proved("failed", "hung up at 0 %")] == never.end(5_000)


def test_a_clip_that_cannot_be_opened_is_said_so() -> None:
    one = talk(PLAIN)
    assert [HangUp()] == one.played(20, whole=False)
    assert [] == one.press("1", 30)
    assert [Proved("failed", "clip not played")] == one.end(50)


def test_a_clip_that_breaks_off_was_hung_up_on() -> None:
    """Asterisk says that a playback failed when its channel goes."""
    one = talk(PLAIN)
    assert [HangUp()] == one.played(4_000, whole=False)
    assert [Proved("failed", "hung up at 40 %")] == one.end(4_010)
    late = talk(PLAIN)
    late.played(9_000, whole=False)
    assert [Proved("reached", "played 90 %")] == late.end(9_010)


def test_what_was_heard_stays_heard_though_a_later_play_fails() -> None:
    one = heard(PLAIN)
    one.wake()
    one.playing(11_000)
    assert [HangUp()] == one.played(11_001, whole=False)
    assert [] == one.end(11_010)


def test_a_key_or_an_end_before_anything_is_played() -> None:
    one = Talk(BOTH, CLIP_MS)
    assert [] == one.press("1", 0)
    assert [] == one.played(0, whole=True)
    assert [] == one.wake()


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("press"), st.sampled_from("0123456789*#")),
        st.tuples(st.just("go on"), st.booleans()),
        st.tuples(st.just("playing"), st.none()),
    ),
    max_size=60,
)


@given(st.sampled_from([PLAIN, ASKS, REPLIES, BOTH]), MOVES)
def test_whatever_comes_a_call_proves_each_thing_at_most_once_and_replies_once(script: Script, moves: list) -> None:  # type: ignore[type-arg]
    one = Talk(script, CLIP_MS)
    now, acts = 0, one.start()
    for what, value in moves:
        now += 3_000
        if what == "press":
            acts += one.press(value, now)
        elif what == "playing":
            one.playing(now)
        elif one.part in ("clip", "prompt", "reply"):
            acts += one.played(now, whole=value)
        else:
            acts += one.wake()
    acts += one.end(now)
    proved = [act.state for act in acts if isinstance(act, Proved) and act.state != "buffered"]
    assert 1 == proved.count("reached") + proved.count("failed")
    assert proved.count("confirmed") <= (script.prompt is not None)
    assert "confirmed" not in proved or proved.index("reached") < proved.index("confirmed")
    assert acts.count(Play(REPLY)) <= 1
    assert acts.count(Play(CLIP)) <= script.plays
    assert acts.count(HangUp()) <= 1
