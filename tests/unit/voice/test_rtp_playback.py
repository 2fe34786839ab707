"""What a call hears, tick by tick: clip, prompt, reply and keys (R10, R15, R17)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaroen_adapters.voice.rtp_playback import LEAD_TICKS, REST_TICKS, WAIT_TICKS, Playback, Sounds

CLIP = tuple(b"c%d" % n for n in range(10))
PROMPT = (b"p0", b"p1")
REPLY = (b"r0", b"r1", b"r2")
PLAIN = Sounds(CLIP, 2)
ASKING = Sounds(CLIP, 2, PROMPT, REPLY)


def run(playback: Playback, ticks: int = 10_000, keys: dict[int, str] | None = None) -> tuple[list[bytes], list[str]]:
    """Return what left until the end, or for so many ticks; with the pauses between as one None."""
    left: list[bytes] = []
    news: list[str] = []
    for tick in range(ticks):
        for key in (keys or {}).get(tick, ""):
            playback.press(key)
        payload = playback.tick()
        if payload is not None:
            left.append(payload)
        news += playback.news
        over = "over" in playback.news
        playback.news = []
        if over:
            break
    return left, news


def test_a_clip_without_prompt_plays_its_plays_and_ends() -> None:
    """A second after the last word."""
    playback = Playback(PLAIN)
    assert ([*CLIP, *CLIP], ["reached", "over"]) == run(playback)
    assert playback.tick() is None


def test_before_and_between_there_is_silence_of_a_set_length() -> None:
    """The telephone goes to the ear; the second play is heard to be one."""
    playback = Playback(Sounds(CLIP, 1))
    assert [None] * LEAD_TICKS == [playback.tick() for _ in range(LEAD_TICKS)]
    assert list(CLIP) == [playback.tick() for _ in CLIP]
    assert [None] * REST_TICKS == [playback.tick() for _ in range(REST_TICKS)]
    assert ["reached"] == playback.news
    playback.tick()
    assert ["reached", "over"] == playback.news


@pytest.mark.parametrize(("length", "proof"), [(10, 8), (1, 1), (4, 4), (5, 4), (383, 307)])
def test_four_fifths_of_the_clip_are_proof(length: int, proof: int) -> None:
    """R15: not a packet less."""
    playback = Playback(Sounds(CLIP[:1] * length, 1))
    run(playback, LEAD_TICKS + proof)
    assert not playback.reached
    assert 100 * proof // length == playback.heard_percent
    playback.tick()
    assert playback.reached


def test_the_prompt_follows_each_play_and_waits() -> None:
    """As long as a hand needs."""
    left, news = run(Playback(ASKING))
    assert [*CLIP, *PROMPT, *CLIP, *PROMPT] == left
    assert ["reached", "over"] == news


def test_key_1_confirms_what_was_heard_and_ends_at_once() -> None:
    """In the clip after four fifths, in the prompt and after it."""
    for at in (LEAD_TICKS + 9, LEAD_TICKS + 11, LEAD_TICKS + 12 + WAIT_TICKS - 1):
        left, news = run(Playback(ASKING), keys={at: "1"})
        assert ["reached", "confirmed", "over"] == news
        assert left == [*CLIP, *PROMPT][: at - LEAD_TICKS]


def test_key_1_pressed_too_soon_counts_once_the_clip_was_heard() -> None:
    """It plays to its end, and asks for nothing more; no other key changes that."""
    left, news = run(Playback(ASKING), keys={3: "15", LEAD_TICKS + 2: "1"})
    assert list(CLIP) == left
    assert ["reached", "confirmed", "over"] == news


def test_without_a_prompt_key_1_is_a_key_like_any_other() -> None:
    """Crisis: nothing is asked, nothing is confirmed (R10)."""
    left, news = run(Playback(Sounds(CLIP, 1)), keys={LEAD_TICKS + 2: "1"})
    assert list(CLIP) == left
    assert ["replied", "reached", "over"] == news


def test_another_key_brings_the_reply_once_and_then_the_clip_again() -> None:
    """What was not heard enough begins anew (R17)."""
    playback = Playback(ASKING)
    left, news = run(playback, keys={LEAD_TICKS + 3: "5", LEAD_TICKS + 8: "6"})
    assert [*CLIP[:3], *REPLY, *CLIP, *PROMPT, *CLIP, *PROMPT] == left
    assert ["replied", "reached", "over"] == news
    assert "5" == playback.key


def test_after_the_reply_what_was_heard_is_not_played_again_but_asked_for() -> None:
    """And key 1 still confirms."""
    left, news = run(Playback(ASKING), keys={LEAD_TICKS + 11: "9", LEAD_TICKS + 11 + 3 + 1: "1"})
    assert [*CLIP, *PROMPT[:1], *REPLY, *PROMPT[:1]] == left
    assert ["reached", "replied", "confirmed", "over"] == news


def test_after_the_end_keys_mean_nothing() -> None:
    """The BYE is on its way."""
    playback = Playback(PLAIN)
    run(playback)
    playback.press("1")
    assert [] == playback.news


def test_how_much_was_heard_is_the_most_that_one_play_brought() -> None:
    """Two halves are not a whole."""
    playback = Playback(ASKING)
    run(playback, LEAD_TICKS + 15, keys={LEAD_TICKS + 7: "5"})
    assert 70 == playback.heard_percent
    assert not playback.reached


def test_what_could_not_be_sent_was_not_heard() -> None:
    """Two of ten may be lost, three not; the second play counts anew, and a lost prompt costs nothing."""
    for lost, news in (
        ({1, 2}, ["reached", "over"]),
        ({1, 2, 3}, ["over"]),
        ({9}, ["reached", "over"]),
        ({1, 2, 3, 10, 11}, ["over"]),
    ):
        playback = Playback(Sounds(CLIP, 1, PROMPT))
        run(playback, LEAD_TICKS)
        for tick in range(len(CLIP + PROMPT)):
            playback.tick()
            if tick in lost:
                playback.lose()
        heard = 100 - 10 * len([one for one in lost if one < len(CLIP)])
        assert heard == playback.heard_percent
        assert news == run(playback)[1]
    playback = Playback(PLAIN)
    run(playback, LEAD_TICKS)
    for _ in CLIP:
        playback.tick()
        playback.lose()
    assert 0 == playback.heard_percent
    assert ["reached", "over"] == run(playback)[1]


@given(
    st.integers(1, 40),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.dictionaries(st.integers(0, 700), st.sampled_from("1159*"), max_size=6),
)
def test_whatever_is_pressed_a_call_ends_and_tells_the_truth(
    length: int, plays: int, asks: bool, replies: bool, keys: dict[int, str]
) -> None:
    """Each thing is told once; confirmed only after reached; reached only with four fifths of the clip in a row."""
    clip = tuple(b"c%d" % n for n in range(length))
    playback = Playback(Sounds(clip, plays, PROMPT if asks else (), REPLY if replies else ()))
    left, news = run(playback, keys=keys)
    assert "over" == news[-1]
    assert len(news) == len(set(news))
    assert "confirmed" not in news or (asks and news.index("reached") < news.index("confirmed"))
    proof = clip[: -(-80 * length // 100)]
    in_a_row = any(tuple(left[at : at + len(proof)]) == proof for at in range(len(left)))
    assert in_a_row == ("reached" in news)
    assert "reached" in news
