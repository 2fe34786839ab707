"""Calls by Asterisk: what it says and is asked, what became of each, and the one end of each."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from klaroen.core.model import AttemptId, ClipId, Instant
from klaroen.core.ports import Accepted, Answer, Call, Event, Fault, Outcome, Receipt, Refused, Script, Unknown, Unsent
from klaroen_adapters.voice import ari_call
from klaroen_adapters.voice.ari_agent import LOST_MS, STANDING, AriAgent
from klaroen_adapters.voice.ari_call import CALL_MS_MAX, ENTER_MS_MAX, HANG_UP_MS, HANG_UPS_MAX, Dial, Terms
from klaroen_adapters.voice.ari_talk import KEY_MS, PAUSE_MS
from klaroen_adapters.voice.ari_wire import (
    Digit,
    Entered,
    Gone,
    Left,
    Message,
    Played,
    Playing,
    Rang,
    Replaced,
    Request,
    Response,
    Taped,
    Up,
)

NOW = Instant(1_795_302_930_000)
A1 = AttemptId("a1")
CHANNEL = "app.a1"
CLIP, PROMPT, REPLY = (ClipId(digit * 64) for digit in "abc")
PLAIN = Script(CLIP, 20.0, 1, "+3250111111")
TERMS = Terms("app", "PJSIP/{number}@trunk", "/clips", "+3225000000")
CLIP_MS = 10_000
DEADLINE_MS = 10_000
HOUR_MS = 3_600_000


class World:
    """An agent, its clock and what it has said."""

    def __init__(self, terms: Terms = TERMS, standing: Sequence[str] = ()) -> None:
        self.agent = AriAgent(terms)
        self.now = NOW
        self.events: list[Event] = []
        self.asked: list[Request] = []
        self.agent.connected()
        self.stands(*standing)

    def stands(self, *channels: str) -> None:
        """Asterisk says which channels there are."""
        body = json.dumps([{"id": channel, "state": "Up"} for channel in channels])
        self.hear(Response(STANDING, 200, body))

    def dial(self, script: Script = PLAIN, attempt: AttemptId = A1, lives_ms: int = HOUR_MS) -> None:
        deadline, expiry = Instant(self.now + DEADLINE_MS), Instant(self.now + lives_ms)
        self.agent.dial(Dial(attempt, "+32470000001", script, CLIP_MS, deadline, expiry), self.now)
        self._gather()

    def hear(self, *messages: Message) -> list[Event]:
        """Return what these made the agent tell."""
        before = len(self.events)
        for message in messages:
            assert self.agent.receive(message, self.now) is None
            self._gather()
        return self.events[before:]

    def after(self, ms: int) -> list[Event]:
        """Let time pass, tick by tick as the agent wants it, and return what it told."""
        before, until = len(self.events), self.now + ms
        while (at := self.agent.next_at) is not None and at <= until:
            self.now = max(self.now, at)
            self.agent.tick(self.now)
            self._gather()
        self.now = Instant(until)
        return self.events[before:]

    def answered(self, script: Script = PLAIN) -> None:
        """A call whose clip is heard."""
        self.dial(script)
        self.hear(Rang(CHANNEL), Up(CHANNEL), Entered(CHANNEL, ("call",)), Playing(f"{CHANNEL}.1"))
        self.asks()

    def asks(self) -> list[str]:
        """What was asked since, as words."""
        asked, self.asked = self.asked, []
        return [f"{one.method} {one.path}" for one in asked]

    def back(self, *channels: str) -> None:
        """The connection stands anew, and so do these channels."""
        self.agent.connected()
        self.agent.take()
        self.stands(*channels)

    def lose(self) -> list[Event]:
        before = len(self.events)
        self.agent.lost(self.now)
        self._gather()
        return self.events[before:]

    def _gather(self) -> None:
        events, requests = self.agent.take()
        self.events += events
        self.asked += requests


def receipt(state: str, words: str) -> Receipt:
    return Receipt(state, words, ref=A1, attempt=A1)  # type: ignore[arg-type]


ACCEPTED = Answer(A1, Accepted((A1,)))
NOBODY = Call(A1, "ended", 0.0)
PLAYED = receipt("reached", "played 100 %")
END = f"DELETE channels/{CHANNEL}"


def answer(outcome: Outcome) -> Answer:
    return Answer(A1, outcome)


# --- calls that go their way ---


def test_a_call_rings_is_answered_hears_its_clip_and_is_hung_up() -> None:
    world = World()
    world.asks()
    world.dial()
    (order,) = world.asked
    query = dict(order.query)
    assert ("PJSIP/+32470000001@trunk", "+3250111111", CHANNEL) == (
        query["endpoint"],
        query["callerId"],
        query["channelId"],
    )
    assert str((DEADLINE_MS + 20_000) // 1000) == query["timeout"]
    assert (1, 1) == (world.agent.unanswered, world.agent.standing)
    world.asks()
    assert [] == world.hear(Response("order a1", 200, "{}"))
    world.after(2_000)
    assert [ACCEPTED] == world.hear(Rang(CHANNEL), Rang(CHANNEL))
    assert (0, 1) == (world.agent.unanswered, world.agent.standing)
    world.after(3_000)
    assert [Call(A1, "answered", 5.0)] == world.hear(Up(CHANNEL), Entered(CHANNEL, ("call",)), Up(CHANNEL))
    (play,) = world.asked
    assert ("POST", f"channels/{CHANNEL}/play/{CHANNEL}.1") == (play.method, play.path)
    assert (("media", f"sound:/clips/{CLIP}"),) == play.query
    world.asks()
    assert [] == world.hear(Response("play a1", 201), Playing(f"{CHANNEL}.9"), Playing(f"{CHANNEL}.1"))
    world.after(CLIP_MS)
    assert [PLAYED] == world.hear(Played(f"{CHANNEL}.1", True))
    assert [END] == world.asks()
    assert [] == world.hear(Response("end a1", 204), Left(CHANNEL))
    assert [Call(A1, "ended", 10.0)] == world.hear(Gone(CHANNEL, 16))
    assert (0, 0) == (world.agent.unanswered, world.agent.standing)
    assert ([], []) == (world.after(HOUR_MS), world.asks())
    assert world.agent.next_at is None


def test_an_answer_without_ringing_is_taken_for_both() -> None:
    world = World()
    world.dial()
    assert [ACCEPTED, Call(A1, "answered", 0.0)] == world.hear(Entered(CHANNEL, ("call",)))


def test_what_we_call_from_and_how_the_number_is_written_is_the_carriers_business() -> None:
    world = World(replace(TERMS, endpoint="PJSIP/{digits}@trunk"))
    world.asks()
    world.dial(replace(PLAIN, caller_id=""))
    query = dict(world.asked[0].query)
    assert ("PJSIP/32470000001@trunk", "+3225000000") == (query["endpoint"], query["callerId"])


def test_key_1_confirms() -> None:
    world = World()
    world.answered(replace(PLAIN, prompt=PROMPT))
    world.after(9_000)
    expected = [receipt("reached", "played 90 %"), receipt("confirmed", "key 1")]
    assert expected == world.hear(Digit(CHANNEL, "1"))
    assert [f"DELETE playbacks/{CHANNEL}.1", END] == world.asks()
    assert [] == world.hear(Played(f"{CHANNEL}.1", False), Digit(CHANNEL, "1"))
    assert [Call(A1, "ended", 9.0)] == world.hear(Gone(CHANNEL, 16))


def test_prompt_reply_and_second_play_take_their_time() -> None:
    world = World()
    world.answered(Script(CLIP, 20.0, 2, prompt=PROMPT, reply=REPLY))
    assert [PLAYED] == world.hear(Played(f"{CHANNEL}.1", True))
    world.hear(Played(f"{CHANNEL}.2", True))
    assert [receipt("buffered", "key 3")] == world.hear(Digit(CHANNEL, "3"))
    assert [f"sound:/clips/{one}" for one in (PROMPT, REPLY)] == [one.query[0][1] for one in world.asked]
    world.asks()
    assert [] == world.after(KEY_MS)
    world.hear(Played(f"{CHANNEL}.3", True), Played(f"{CHANNEL}.4", True))
    world.asks()
    world.after(KEY_MS + PAUSE_MS)
    assert [f"POST channels/{CHANNEL}/play/{CHANNEL}.5"] == world.asks()


# --- calls that do not ---


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (Gone(CHANNEL, 17, 486), Refused("busy", "address")),
        (Gone(CHANNEL, 1, 404), Refused("number invalid", "address")),
        (Gone(CHANNEL, 34, 503), Unsent("trunk 503")),
    ],
)
def test_an_end_before_it_rang_is_the_answer(end: Gone, outcome: Outcome) -> None:
    world = World()
    world.dial()
    assert [answer(outcome)] == world.hear(end)
    assert ([], 0) == (world.after(HOUR_MS), world.agent.standing)


@pytest.mark.parametrize(("status", "words"), [(486, "busy"), (603, "rejected"), (480, "no answer")])
def test_an_end_after_it_rang_is_a_failed_call(status: int, words: str) -> None:
    world = World()
    world.dial()
    assert [ACCEPTED, receipt("failed", words), NOBODY] == world.hear(Rang(CHANNEL), Gone(CHANNEL, 16, status))


def test_a_telephone_rings_as_long_as_the_script_says() -> None:
    world = World()
    world.dial()
    world.after(5_000)
    world.hear(Rang(CHANNEL))
    world.asks()
    assert [] == world.after(19_999)
    assert [] == world.asks()
    world.after(1)
    assert [END] == world.asks()
    assert [receipt("failed", "no answer"), NOBODY] == world.hear(Gone(CHANNEL, 16))


def test_an_alert_that_expires_ends_what_rings_and_not_what_talks() -> None:
    world = World()
    world.dial(lives_ms=6_000)
    world.hear(Rang(CHANNEL))
    world.asks()
    world.after(6_000)
    assert [END] == world.asks()
    late = World()
    late.dial(lives_ms=6_000)
    late.after(8_000)
    late.hear(Rang(CHANNEL))
    late.asks()
    late.after(0)
    assert [END] == late.asks()
    talking = World()
    talking.dial(lives_ms=6_000)
    talking.hear(Entered(CHANNEL, ("call",)))
    talking.asks()
    assert ([], []) == (talking.after(60_000), talking.asks())


def test_what_does_not_ring_in_time_is_given_up_and_may_be_made_elsewhere() -> None:
    world = World()
    world.dial()
    world.asks()
    assert [] == world.after(DEADLINE_MS - ari_call.CANCEL_MS)
    assert [END] == world.asks()
    assert [] == world.hear(Rang(CHANNEL), Up(CHANNEL), Entered(CHANNEL, ("call",)))
    assert [answer(Unsent("not rung in time"))] == world.hear(Gone(CHANNEL, 16))


def test_silence_is_unknown_at_the_deadline_and_the_channel_is_hung_up_again() -> None:
    world = World()
    world.dial()
    world.asks()
    assert [answer(Unknown("no answer in time"))] == world.after(DEADLINE_MS)
    assert [END, END] == world.asks()
    assert [] == world.hear(Rang(CHANNEL), Up(CHANNEL))
    assert (0, 0) == (world.agent.unanswered, world.agent.standing)
    assert [] == world.after(HOUR_MS)
    assert [END] * (HANG_UPS_MAX - 2) == world.asks()
    assert world.agent.next_at is None


@pytest.mark.parametrize(
    ("ordered", "outcome"),
    [(True, Unsent("not rung in time")), (False, Unknown("no answer to its order"))],
)
def test_a_channel_that_is_not_there_may_still_be_on_its_way(ordered: bool, outcome: Outcome) -> None:
    """Over HTTP an order that nobody answered may be carried out after the hanging up."""
    world = World()
    world.dial()
    if ordered:
        world.hear(Response("order a1", 200))
    world.after(DEADLINE_MS - ari_call.CANCEL_MS)
    assert [answer(outcome)] == world.hear(Response("end a1", 404))


def test_an_order_that_is_refused_is_its_answer() -> None:
    world = World()
    world.dial()
    assert [answer(Unsent("ari 500"))] == world.hear(Response("order a1", 500))
    assert [] == world.after(HOUR_MS)


def test_an_order_for_a_call_that_stands_is_unknown_and_the_old_one_is_hung_up() -> None:
    """A repeat after a crash: two telephones must not ring for one attempt."""
    world = World()
    world.dial()
    world.asks()
    assert [answer(Unknown("an earlier call of it stands"))] == world.hear(Response("order a1", 409))
    assert [END] == world.asks()
    assert [] == world.hear(Gone(CHANNEL, 16), Response("order a1", 500))
    assert [] == world.after(HOUR_MS)


def test_a_refusal_that_comes_after_the_end_changes_nothing() -> None:
    world = World()
    world.dial()
    world.after(DEADLINE_MS - 1)
    world.dial()  # the attempt anew, while the first is being given up
    world.hear(Response("order a1", 500))
    assert [] == world.hear(Response("order a1", 500))


def test_who_is_called_hangs_up() -> None:
    world = World()
    world.answered()
    world.after(4_000)
    assert [] == world.hear(Played(f"{CHANNEL}.1", False))
    assert [receipt("failed", "hung up at 40 %"), Call(A1, "ended", 4.0)] == world.hear(Gone(CHANNEL, 16))


def test_answered_and_hung_up_before_anything_was_played() -> None:
    world = World()
    world.dial()
    world.hear(Up(CHANNEL))
    assert [receipt("failed", "hung up at 0 %"), NOBODY] == world.hear(Gone(CHANNEL, 16))


def test_somebody_answers_as_we_give_up() -> None:
    """The answer crosses our hanging up: it is told, and nothing is played."""
    world = World()
    world.dial()
    world.hear(Rang(CHANNEL))
    world.after(20_000)
    world.asks()
    assert [Call(A1, "answered", 20.0)] == world.hear(Up(CHANNEL), Entered(CHANNEL, ("call",)))
    assert [] == world.asks()
    world.after(HANG_UP_MS)
    assert [END] == world.asks()
    assert [receipt("failed", "hung up at 0 %"), Call(A1, "ended", 3.0)] == world.hear(Gone(CHANNEL, 16))


def test_a_channel_that_is_not_given_to_us_is_hung_up() -> None:
    world = World()
    world.dial()
    world.hear(Up(CHANNEL))
    world.asks()
    world.after(ENTER_MS_MAX)
    assert [END] == world.asks()


@pytest.mark.parametrize("status", [404, 409, 500])
def test_a_play_that_is_refused_ends_the_call(status: int) -> None:
    world = World()
    world.answered()
    world.hear(Response("play a1", status))
    assert [END] == world.asks()
    assert [] == world.hear(Response("play a1", status))
    assert [] == world.asks()
    assert [receipt("failed", "hung up at 0 %"), NOBODY] == world.hear(Response("end a1", 404))


def test_a_play_that_is_refused_as_nobody_talks_is_nothing() -> None:
    world = World()
    world.dial()
    world.asks()
    assert [] == world.hear(Response("play a1", 404))
    assert [] == world.asks()


def test_a_playback_that_never_ends_ends_with_the_longest_call() -> None:
    world = World()
    world.answered()
    world.after(CALL_MS_MAX)
    assert [END] == world.asks()
    assert [] == world.after(HANG_UP_MS * (HANG_UPS_MAX - 1) - 1)
    expected = [PLAYED, Call(A1, "ended", (CALL_MS_MAX + HANG_UP_MS * HANG_UPS_MAX) / 1000)]
    assert expected == world.after(HANG_UP_MS + 1)


def test_a_channel_that_cannot_be_hung_up_is_over_in_the_end() -> None:
    world = World()
    world.dial()
    world.hear(Rang(CHANNEL))
    expected = [receipt("failed", "no answer"), NOBODY]
    assert expected == world.after(20_000 + HANG_UP_MS * HANG_UPS_MAX)


# --- machines ---

AMD = replace(TERMS, amd_context="klaroen-amd")


def detecting(script: Script = PLAIN) -> World:
    world = World(AMD)
    world.dial(script)
    world.hear(Rang(CHANNEL), Up(CHANNEL))
    world.asks()
    world.hear(Entered(CHANNEL, ("call",)), Left(CHANNEL))
    assert [f"POST channels/{CHANNEL}/continue"] == world.asks()
    return world


@pytest.mark.parametrize(("status", "words"), [("HUMAN", "human"), ("NOTSURE", "not sure"), ("HANGUP", "not sure")])
def test_a_human_is_told_of_and_hears_everything(status: str, words: str) -> None:
    world = detecting(replace(PLAIN, prompt=PROMPT, plays=2))
    assert [receipt("buffered", words)] == world.hear(Entered(CHANNEL, ("amd", status, "X")))
    world.hear(Playing(f"{CHANNEL}.1"))
    assert [PLAYED] == world.hear(Played(f"{CHANNEL}.1", True))
    assert f"POST channels/{CHANNEL}/play/{CHANNEL}.2" in world.asks()


def test_a_machine_hears_it_once_and_proves_no_arrival() -> None:
    """A message on a machine is not a person warned (R15)."""
    world = detecting(replace(PLAIN, prompt=PROMPT, plays=2))
    assert [receipt("buffered", "machine")] == world.hear(Entered(CHANNEL, ("amd", "MACHINE", "LONGGREETING")))
    world.hear(Playing(f"{CHANNEL}.1"))
    world.after(CLIP_MS)
    world.asks()
    assert [receipt("network", "machine played 100 %")] == world.hear(Played(f"{CHANNEL}.1", True))
    assert [END] == world.asks()
    assert [Call(A1, "ended", 10.0)] == world.hear(Gone(CHANNEL, 16))


def test_a_machine_that_hangs_up_has_failed() -> None:
    world = detecting()
    world.hear(Entered(CHANNEL, ("amd", "MACHINE")), Playing(f"{CHANNEL}.1"))
    expected = [receipt("failed", "hung up at 0 %"), NOBODY]
    assert expected == world.hear(Gone(CHANNEL, 16))


def test_detection_that_says_nothing_ends_the_call() -> None:
    world = detecting()
    world.after(ENTER_MS_MAX)
    assert [END] == world.asks()


def test_a_dial_plan_without_detection_ends_the_call() -> None:
    world = detecting()
    world.hear(Response("amd a1", 400))
    assert [END] == world.asks()
    quiet = detecting()
    assert [] == quiet.hear(Response("amd a1", 204))
    assert [] == quiet.asks()


# --- the connection goes and comes ---


def test_calls_without_an_answer_are_unknown_when_the_connection_goes() -> None:
    world = World()
    world.dial()
    assert [answer(Unknown("connection lost"))] == world.lose()
    assert ([], []) == (world.lose(), world.after(HOUR_MS))


def test_what_was_unknown_and_stands_is_hung_up() -> None:
    world = World()
    world.dial()
    world.lose()
    world.asks()
    world.back(CHANNEL)
    assert [END] == world.asks()
    assert [] == world.hear(Rang(CHANNEL), Gone(CHANNEL, 16))


def test_a_call_that_talks_goes_on_without_us() -> None:
    world = World()
    world.answered()
    world.after(3_000)
    assert [] == world.lose()
    assert [] == world.after(3_000)
    world.back(CHANNEL)
    assert f"GET playbacks/{CHANNEL}.1" in world.asks()
    assert [] == world.hear(Response("ask a1", 200, "{}"))
    world.after(4_000)
    assert [PLAYED] == world.hear(Played(f"{CHANNEL}.1", True))


def test_a_playback_that_ended_meanwhile_is_done() -> None:
    world = World()
    world.answered()
    world.lose()
    world.after(12_000)
    world.back(CHANNEL)
    assert [PLAYED] == world.hear(Response("ask a1", 404))
    assert END in world.asks()


def test_a_call_that_rings_or_waits_for_a_key_goes_on() -> None:
    world = World()
    world.dial()
    world.hear(Rang(CHANNEL))
    world.lose()
    world.asks()
    world.back(CHANNEL)
    assert [] == world.asks()
    assert [Call(A1, "answered", 0.0)] == world.hear(Up(CHANNEL))


@pytest.mark.parametrize("terms", [TERMS, replace(TERMS, amd_context="klaroen-amd")])
def test_a_call_that_was_answered_as_the_connection_went_is_played_to(terms: Terms) -> None:
    """Whether it was given to us meanwhile nobody can say: the play shows."""
    world = World(terms)
    world.dial()
    world.hear(Up(CHANNEL))
    world.lose()
    world.asks()
    world.back(CHANNEL)
    assert [f"POST channels/{CHANNEL}/play/{CHANNEL}.1"] == world.asks()


@pytest.mark.parametrize(
    ("before_ms", "proof"),
    [(3_000, receipt("failed", "connection lost")), (9_000, receipt("reached", "played 90 %"))],
)
def test_a_call_that_is_gone_when_we_are_back_proved_what_we_saw(before_ms: int, proof: Receipt) -> None:
    """Asterisk has restarted: what was heard until we lost it is all that is known."""
    world = World()
    world.answered()
    world.after(before_ms)
    world.lose()
    world.after(5_000)
    before = len(world.events)
    world.back()
    assert [proof, Call(A1, "ended", before_ms / 1000)] == world.events[before:]
    assert 0 == world.agent.standing


def test_a_connection_that_comes_and_goes_keeps_calls_no_longer_than_one_that_is_away() -> None:
    """The time runs from the first loss, however often it is tried anew."""
    world = World()
    world.dial()
    world.hear(Rang(CHANNEL))
    world.lose()
    told: list[Event] = []
    for _ in range(3):
        told += world.after(LOST_MS // 3)
        world.agent.connected()
        world.agent.lost(world.now)
        world._gather()
    assert [receipt("failed", "connection lost"), NOBODY] == told
    assert [] == world.after(HOUR_MS)


def test_calls_that_nobody_here_began_are_hung_up() -> None:
    """We crashed: those that rang and talked are still there."""
    world = World(standing=("app.old", "17.2", "other.a1"))
    assert [Fault("a call that nobody knows, hung up")] == world.events
    assert "DELETE channels/app.old" == world.asks()[-1]
    assert [] == world.hear(Response("orphan", 204), Rang("app.old"))
    assert [Fault("a call that nobody knows, hung up")] == world.hear(Entered("app.later", ("call",)))
    assert ["DELETE channels/app.later"] == world.asks()


def test_what_stood_is_asked_twice_and_settled_once() -> None:
    """Over HTTP too, since the socket was slow: its late answer knows nothing of the calls begun meanwhile."""
    world = World()
    world.dial()
    world.stands()
    assert [ACCEPTED] == world.hear(Rang(CHANNEL))


@pytest.mark.parametrize("response", [Response(STANDING, 500), Response(STANDING, 200, "{")])
def test_who_cannot_say_what_stands_gets_no_calls(response: Response) -> None:
    world = World()
    world.lose()
    world.agent.connected()
    assert ["PUT applications/app/eventFilter", "GET channels"] == world.asks()[-2:]
    assert [Fault("channels that cannot be read")] == world.hear(response)
    assert not world.agent.ready


def test_we_end() -> None:
    """What has no answer is unknown, and what talks is lost from sight."""
    world = World()
    world.answered()
    world.dial(attempt=AttemptId("b"))
    world.agent.abandon(world.now)
    world._gather()
    assert Answer(AttemptId("b"), Unknown("connection lost")) in world.events
    assert Call(A1, "ended", 0.0) == world.events[-1]
    assert [] == world.after(HOUR_MS)


# --- what is not ours ---


def test_what_is_about_no_call_of_ours_is_handed_on() -> None:
    agent = World().agent
    for message in (Entered("17.2", ("central",)), Played("central.1", True), Taped("r1", 3.0), Response("x", 200)):
        assert message is agent.receive(message, NOW)
    for nothing in (Response("filter", 204), Response("end gone", 204), Rang("app.gone")):
        assert agent.receive(nothing, NOW) is None


def test_what_says_nothing_to_us_is_passed_over_and_what_cannot_be_read_is_counted() -> None:
    agent = World().agent
    assert agent.receive(None, NOW) is None
    assert agent.receive(Fault("unreadable"), NOW) is None
    assert ([Fault("unreadable")], []) == agent.take()


def test_another_under_our_name_is_told() -> None:
    assert [Fault("somebody else has connected under our name")] == World().hear(Replaced())


def test_nobody_waits_for_calls_while_there_are_none() -> None:
    agent = AriAgent(TERMS)
    agent.tick(NOW)
    assert (None, False) == (agent.next_at, agent.ready)


# --- whatever comes ---

THINGS: list[Message | str | int] = [
    Rang(CHANNEL),
    Up(CHANNEL),
    Entered(CHANNEL, ("call",)),
    Entered(CHANNEL, ("amd", "MACHINE")),
    Left(CHANNEL),
    Gone(CHANNEL, 17, 486),
    Digit(CHANNEL, "1"),
    Digit(CHANNEL, "5"),
    Response("order a1", 200),
    Response("order a1", 500),
    Response("order a1", 409),
    Response("play a1", 404),
    Response("end a1", 404),
    Response("ask a1", 404),
    "playing",
    "played",
    "broken",
    "lost",
    "back",
    "back, gone",
    100,
    5_000,
    20_000,
]


@given(st.lists(st.sampled_from(THINGS), max_size=40), st.booleans())
def test_whatever_comes_in_whatever_order_each_call_is_answered_once_and_ends_once(
    things: list[Message | str | int], amd: bool
) -> None:
    world = World(AMD if amd else TERMS)
    world.dial(Script(CLIP, 20.0, 2, prompt=PROMPT, reply=REPLY))
    for thing in things:
        call = world.agent._calls.get(A1)
        if isinstance(thing, int):
            world.after(thing)
        elif thing == "lost":
            world.lose()
        elif thing in ("back", "back, gone"):
            world.back(*([CHANNEL] if thing == "back" else []))
        elif isinstance(thing, str):
            if call is not None and call.playback:
                world.hear(Playing(call.playback) if thing == "playing" else Played(call.playback, thing == "played"))
        else:
            world.hear(thing)
    world.lose()
    world.after(HOUR_MS)
    answers = [event for event in world.events if isinstance(event, Answer)]
    ends = [event for event in world.events if isinstance(event, Call) and event.phase == "ended"]
    taken = [one for one in answers if isinstance(one.outcome, Accepted)]
    told = [event for event in world.events if isinstance(event, Receipt | Call)]
    assert 1 == len(answers)
    assert len(taken) == len(ends)
    assert not told or told[-1] in ends
    proofs = [event.state for event in told if isinstance(event, Receipt) and event.state != "buffered"]
    assert len(taken) == sum(state in ("failed", "network", "reached") for state in proofs)
    assert 0 == world.agent.standing
