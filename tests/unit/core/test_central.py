"""The central number's dialogue (R19): identification, hearing back and confirming come before anybody is warned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaroen.core.central import (
    ENTRY_MS,
    PROMPTS,
    TAKES_MAX,
    WORDS,
    Act,
    Dialogue,
    HangUp,
    Identify,
    PlayBack,
    Record,
    Say,
    Send,
    Stop,
    Wait,
)

ENTRY = [Wait(ENTRY_MS)]


def begun() -> Dialogue:
    """One whose caller is asked for a number."""
    made = Dialogue()
    assert [Say("code")] == made.start()
    return made


def keyed(dialogue: Dialogue, keys: str) -> list[Act]:
    """What the last key brings."""
    acts: list[Act] = []
    for key in keys:
        acts = dialogue.press(key)
    return acts


def identifying() -> Dialogue:
    made = begun()
    keyed(made, "4711#")
    assert [Identify("4711", "123456")] == keyed(made, "123456#")[-1:]
    return made


def recording() -> Dialogue:
    made = identifying()
    assert [Say("speak")] == made.identified("known")
    assert [Say("tone")] == made.said()
    assert [Record()] == made.said()
    return made


def reviewing() -> Dialogue:
    made = recording()
    assert [Say("yours")] == made.recorded(12.0)
    assert [PlayBack()] == made.said()
    assert [Say("choose")] == made.said()
    return made


def test_R19_an_officer_identifies_speaks_hears_it_back_and_confirms() -> None:
    """The whole way, key by key."""
    one = begun()
    assert ENTRY == one.said()
    assert ENTRY == keyed(one, "4711")
    assert [Say("pin")] == one.press("#")
    assert ENTRY == one.said()
    assert ENTRY == keyed(one, "123456")
    assert [Identify("4711", "123456")] == one.press("#")
    assert [Say("speak")] == one.identified("known")
    one.said()
    one.said()
    one.recorded(30.0)
    one.said()
    one.said()
    assert ENTRY == one.said()
    assert [Send()] == one.press("1")
    assert [Say("sent")] == one.sent(accepted=True)
    assert [HangUp()] == one.said()


def test_a_pin_is_not_shown() -> None:
    assert "123456" not in repr(Identify("4711", "123456"))


def test_a_key_cuts_a_question_short() -> None:
    """Who knows the number need not listen to the end."""
    assert [Stop(), *ENTRY] == begun().press("4")
    assert [Stop(), Send()] == reviewing().press("1")


def test_R19_nothing_is_confirmed_before_it_was_heard_back() -> None:
    """Nor is what was spoken anew, by having heard what was spoken before."""
    one = recording()
    one.recorded(5.0)
    assert [] == one.press("1")
    one.said()
    assert [] == one.press("1")
    one.said()
    assert [Stop(), Say("speak")] == one.press("2")
    one.said()
    one.said()
    one.recorded(5.0)
    assert [] == one.press("1")
    one.said()
    one.said()
    assert [Stop(), Send()] == one.press("1")


def test_the_star_begins_anew_and_endless_keys_end() -> None:
    one = begun()
    keyed(one, "99*4711#")
    assert [Identify("4711", "1234567890123")] == keyed(one, "123456789012345678#")


def test_who_does_not_press_the_hash_key_is_taken_at_his_word() -> None:
    one = begun()
    keyed(one, "4711")
    assert [Say("pin")] == one.wake()


def test_who_says_nothing_is_asked_once_more_and_then_left() -> None:
    one = begun()
    one.said()
    assert [Say("code")] == one.wake()
    one.said()
    assert [Say("bye")] == one.wake()
    assert [HangUp()] == one.said()
    assert [] == one.wake()
    assert [] == one.press("1")
    empty = begun()
    assert [Stop(), Say("code")] == empty.press("#")
    pin = begun()
    keyed(pin, "4711#")
    assert [Stop(), Say("pin")] == pin.press("#")


def test_a_wrong_pin_may_be_tried_three_times() -> None:
    one = identifying()
    assert [Say("wrong")] == one.identified("wrong")
    assert [Say("code")] == one.said()
    keyed(one, "4711#1#")
    assert [Say("wrong")] == one.identified("wrong")
    one.said()
    keyed(one, "4711#2#")
    assert [Say("wrong")] == one.identified("wrong")
    assert [Say("bye")] == one.said()
    assert [HangUp()] == one.said()


def test_who_is_locked_out_is_told_so() -> None:
    one = identifying()
    assert [Say("locked")] == one.identified("locked")
    assert [HangUp()] == one.said()


def test_key_2_speaks_anew() -> None:
    one = reviewing()
    assert [Stop(), Say("speak")] == one.press("2")
    one.said()
    assert [Record()] == one.said()
    assert [Say("yours")] == one.recorded(5.0)


def test_a_message_may_be_spoken_five_times() -> None:
    one = recording()
    for _ in range(TAKES_MAX - 1):
        assert [Say("silence")] == one.recorded(0.0)
        one.said()
        one.said()
        assert [Record()] == one.said()
    assert [Say("bye")] == one.recorded(None)


@pytest.mark.parametrize("seconds", [None, 0.0, 0.9])
def test_a_cough_is_no_message(seconds: float | None) -> None:
    one = recording()
    assert [Say("silence")] == one.recorded(seconds)
    assert [] == one.recorded(12.0)


def test_nothing_is_sent_unconfirmed() -> None:
    """Other keys say nothing; who waits hears it once more, and then that it was not sent."""
    one = reviewing()
    assert ENTRY == one.said()
    assert [] == one.press("5")
    assert [Say("yours")] == one.wake()
    one.said()
    one.said()
    one.said()
    assert [Say("unsent")] == one.wake()
    assert [HangUp()] == one.said()


def test_what_could_not_be_sent_is_said() -> None:
    one = reviewing()
    one.press("1")
    assert [] == one.press("1")
    assert [] == one.said()
    assert [Say("unsent")] == one.sent(accepted=False)


def test_every_prompt_has_words_in_every_language() -> None:
    """But for the tone."""
    assert {"nl", "fr", "de", "en"} == set(WORDS)
    for language, words in WORDS.items():
        assert set(PROMPTS) - {"tone"} == set(words), language


THINGS = st.sampled_from([*"0123456789*#", "said", "wake", "short", "long", "known", "wrong", "locked", "yes", "no"])


@given(st.lists(THINGS, max_size=120))
def test_whatever_comes_nobody_is_warned_but_by_key_1_after_hearing_it_back(things: list[str]) -> None:
    """And who is not known never speaks."""
    one = Dialogue()
    acts = one.start()
    known = False
    for thing in things:
        stage = one.stage
        new: list[Act] = []
        if thing in ("known", "wrong", "locked"):
            new = one.identified(thing) if stage == "identifying" else []  # type: ignore[arg-type]
            known |= stage == "identifying" and thing == "known"
        elif thing in ("yes", "no"):
            new = one.sent(accepted=thing == "yes") if stage == "sending" else []
        elif thing in ("short", "long"):
            new = one.recorded(0.5 if thing == "short" else 5.0)
        elif thing == "said":
            new = one.said() if acts and isinstance(acts[-1], Say | PlayBack) else []
        else:
            new = one.wake() if thing == "wake" else one.press(thing)
        if Send() in new:
            assert thing == "1"
            assert Record() in acts
            assert PlayBack() in acts
        assert known or not (Record() in new or Send() in new)
        acts += new
    assert acts.count(Send()) <= 1
    assert acts.count(Record()) <= TAKES_MAX
