"""Whole calls over a network that loses or repeats one datagram: each in its turn."""

import pytest
from tests.unit.voice.sip_phone import HangUp, Net, Play

from klaroen_adapters.voice.sip_terms import Ended, Lost, Rejected, SipEvent

SCENES: dict[str, tuple[Play, HangUp, SipEvent, int]] = {
    "we hang up": ("answer", "us", Ended("A1", "us"), 7),
    "the peer hangs up": ("answer", "peer", Ended("A1", "peer"), 7),
    "busy": ("busy", None, Rejected("A1", 486, "Words"), 4),
    "nobody comes": ("ring", None, Rejected("A1", 487, "Words", None, True, True), 7),
    "a 200 crosses our CANCEL": (
        "cross",
        None,
        Rejected("A1", 487, "answered as it was given up", None, True, True),
        9,
    ),
}


def ends(events: list[SipEvent]) -> list[SipEvent]:
    """Return the last events; whether it rang is not known if the 180 was lost."""
    found = [event for event in events if isinstance(event, Ended | Rejected | Lost)]
    return [Rejected(e.call, e.status, e.words, None, True, True) if is_cancelled(e) else e for e in found]


def is_cancelled(event: SipEvent) -> bool:
    return isinstance(event, Rejected) and event.cancelled


@pytest.mark.parametrize("scene", SCENES)
def test_a_call_takes_the_messages_that_it_must(scene: str) -> None:
    """Without loss nothing is said twice."""
    play, hang_up, end, count = SCENES[scene]
    net = Net(play, lambda _: 1)
    net.run(hang_up)
    assert ([end], count) == (ends(net.events), net.sent_count)


@pytest.mark.parametrize("copies", [0, 2])
@pytest.mark.parametrize("scene", SCENES)
def test_no_datagram_is_missed_and_none_counts_twice(scene: str, copies: int) -> None:
    """Each lost once, or brought twice: the same end, once; nobody off the hook, nobody repeating, no time pending."""
    play, hang_up, end, count = SCENES[scene]
    for number in range(count):
        net = Net(play, lambda sent, number=number: copies if sent == number else 1)  # type: ignore[misc]
        net.run(hang_up)
        assert [end] == ends(net.events), number
        assert (False, {}, None) == (net.phone.off_hook, net.phone.repeats, net.world.agent.next_at), number
        assert 0 == net.world.agent.calls_count
