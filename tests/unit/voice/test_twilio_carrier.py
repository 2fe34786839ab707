"""The driver of kind `twilio`, beyond what every carrier promises: its calls, from the first request to the end."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
from msgspec.structs import replace
from tests.fakes.twilio import SID, TOKEN, Fate, TwilioPeer
from trio.testing import MockClock, wait_all_tasks_blocked

from klaroen.clips import ClipStore
from klaroen.core.errors import CarrierDownError
from klaroen.core.model import AttemptId, CarrierName, ClipId
from klaroen.core.ports import (
    Accepted,
    Answer,
    Call,
    CallListener,
    Envelope,
    Event,
    Fault,
    Receipt,
    Refused,
    Script,
    Unknown,
    Unsent,
)
from klaroen.settings import Twilio
from klaroen.testing import CarrierRig
from klaroen_adapters.voice.twilio import OVER_MAX, TwilioCarrier, account_of, build
from klaroen_adapters.voice.twilio_callback import authentic, hear, read_form
from klaroen_adapters.voice.twilio_clip import wav
from klaroen_adapters.voice.twilio_mark import read_mark
from klaroen_adapters.voice.twilio_turn import Lengths, take_turn

CLIP, PROMPT, REPLY = (bytes([octet]) * (8_000 * seconds) for octet, seconds in ((0x2A, 10), (0x35, 3), (0x55, 2)))


def settings(directory: Path, **changes: Any) -> Twilio:
    token = directory / "token"
    token.write_text(TOKEN + "\n")
    made = Twilio(
        name=CarrierName("cloud"),
        channels=("tts",),
        account=SID,
        token_file=str(token),
        url="http://twilio.test",
        public_url="http://bin.test/",
        sender="+3221234567",
    )
    return replace(made, **changes)


class Cloud:
    """A carrier of ours at a Twilio-shaped peer; between them, in place of the edge, what the edge does."""

    def __init__(self, nursery: trio.Nursery, directory: Path, **changes: Any) -> None:
        self.peer = TwilioPeer(nursery, self._serve)
        self.clips = ClipStore(directory)
        self.script = Script(*self._put(CLIP, 30.0, 2, "+3231010101", PROMPT, REPLY))
        self._settings = settings(directory, **changes)
        self.account = account_of(self._settings)
        self.told: list[Receipt] = []
        self.deaf = False
        """The edge is away."""
        self.rig = CarrierRig(self._build, self.peer, "tts")

    def _put(self, *parts: Any) -> list[Any]:
        return [self.clips.put(part) if isinstance(part, bytes) else part for part in parts]

    def _build(self, emit: Any, clock: Any) -> TwilioCarrier:
        return TwilioCarrier(self._settings, self.account, emit, clock, self.clips, self.peer.connect)

    async def _serve(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        await trio.lowlevel.checkpoint()
        parts, form = urlsplit(url), read_form(body)
        if self.deaf:
            return 503, b""
        if parts.path.startswith("/v1/clips/"):
            return 200, wav(self.clips.read(ClipId(parts.path[-68:-4])))
        assert authentic(TOKEN, url, form, headers)
        mark, place = read_mark(parts.query.encode())
        sizes = [
            0.0 if clip is None else len(self.clips.read(clip)) / 8000 for clip in (mark.clip, mark.prompt, mark.reply)
        ]
        if parts.path.startswith("/v1/calls/"):
            turn = take_turn(self.account, mark, place, form, Lengths(*sizes), self.rig.clock.now())
            self.told += turn.receipts
            return 200, turn.twiml
        heard = hear(mark, form, sizes[0])
        self.told += heard.receipts
        assert isinstance(self.rig.carrier, CallListener)
        await self.rig.carrier.hear(heard.calls)
        return 204, b""

    def envelopes(self, *fates: Fate, script: Script | None = None) -> list[Envelope]:
        made = [replace(one, script=script or self.script) for one in self.rig.envelopes(len(fates))]
        self.peer.fates |= {one.address: fate for one, fate in zip(made, fates, strict=True)}
        return made

    async def call(self, fate: Fate, **changes: Any) -> list[Event]:
        """Make one call, and return everything that was said of it, in order."""
        (envelope,) = self.envelopes(fate, script=replace(self.script, **changes))
        await self.rig.carrier.hand_over([envelope])
        await self.ended(envelope)
        return self.said(envelope)

    async def ended(self, *envelopes: Envelope) -> None:
        with trio.fail_after(3600):
            while not all(self.phases(one)[-1:] == ["ended"] for one in envelopes):  # noqa: ASYNC110 - virtual time
                await trio.sleep(0.5)

    def said(self, envelope: Envelope) -> list[Event]:
        return [event for event in self.rig.events if getattr(event, "attempt", None) == envelope.attempt]

    def phases(self, envelope: Envelope) -> list[str]:
        return [event.phase for event in self.said(envelope) if isinstance(event, Call)]

    @property
    def proofs(self) -> list[tuple[str, str]]:
        return [(one.state, one.code) for one in self.told if one.state != "buffered"]


@asynccontextmanager
async def cloud(directory: Path, **changes: Any) -> AsyncIterator[Cloud]:
    async with trio.open_nursery() as nursery:
        made = Cloud(nursery, directory, **changes)
        async with made.rig.running():
            yield made
        nursery.cancel_scope.cancel()


async def test_a_call_is_taken_answered_played_twice_and_ended(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Every sample of the clip, as often as the script says, and every event in its order."""
    async with cloud(tmp_path) as one:
        answer, answered, ended = await one.call(Fate(), prompt=None, reply=None)
        assert isinstance(answer, Answer)
        assert isinstance(answer.outcome, Accepted)
        assert isinstance(answered, Call)
        assert isinstance(ended, Call)
        assert ("answered", "ended") == (answered.phase, ended.phase)
        assert 21 <= ended.seconds <= 22, "two plays and a pause"
        (heard,) = one.peer.heard.values()
        assert [wav(CLIP)[44:]] * 2 == [part.samples for part in heard]
        assert ("reached", "played 100 %") == one.proofs[0]
        assert {"reached"} == {state for state, _ in one.proofs}


@pytest.mark.parametrize(
    ("fate", "proofs"),
    [
        (Fate(ending="busy"), [("failed", "busy")]),
        (Fate(ending="no-answer"), [("failed", "no answer")]),
        (Fate(ending="failed", sip="404"), [("failed", "number invalid")]),
        (Fate(hangs_up_s=6), [("failed", "hung up at 40 %")]),
        (Fate(keys=((9, "1"),)), [("reached", "played 90 %"), ("confirmed", "key 1"), ("failed", "hung up at 70 %")]),
        (
            Fate(keys=((2, "1"),)),
            [("reached", "played 100 %"), ("confirmed", "key 1"), ("reached", "played 100 %")],
        ),
    ],
)
async def test_what_befalls_a_call_is_told_in_words(
    fate: Fate, proofs: list[tuple[str, str]], tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Proofs are joined: what a turn has proved, the end cannot take back."""
    async with cloud(tmp_path) as one:
        events = await one.call(fate)
        assert proofs == one.proofs
        assert "ended" == getattr(events[-1], "phase", None)


async def test_another_key_brings_the_reply_and_the_clip_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with cloud(tmp_path) as one:
        await one.call(Fate(keys=((4, "7"),)), plays=1)
        (heard,) = one.peer.heard.values()
        assert [4.0, 2.0, 10.0, 3.0] == [round(part.seconds, 3) for part in heard]
        assert [wav(clip)[44:] for clip in (CLIP, REPLY, CLIP, PROMPT)] == [part.samples for part in heard]


async def test_callbacks_that_come_again_end_no_call_twice(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with cloud(tmp_path) as one:
        (envelope,) = one.envelopes(Fate(ending="busy"))
        await one.rig.carrier.hand_over([envelope])
        await one.ended(envelope)
        form = {"CallSid": "CA9", "To": envelope.address, "CallStatus": "busy", "SequenceNumber": "3"}
        url = one.peer.requests[-1]["StatusCallback"]
        for _ in range(3):
            assert 204 == (await one.peer.call_back(url, form))[0]
        answered = form | {"CallStatus": "in-progress"}
        assert 204 == (await one.peer.call_back(url, answered))[0]
        assert ["ended"] == one.phases(envelope)


async def test_what_is_told_before_our_request_is_answered_waits_for_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A carrier may be busy with the call before its answer is out."""
    async with cloud(tmp_path) as one:
        assert isinstance(one.rig.carrier, TwilioCarrier)
        (envelope,) = one.envelopes(Fate(told=False, ending="busy"))
        real = one.peer._answer

        def answer(got: Any) -> Any:
            carrier = one.rig.carrier
            assert isinstance(carrier, TwilioCarrier)
            phases = ("answered", "answered", "ended", "ended")
            carrier._calls[envelope.attempt].heard += [Call(envelope.attempt, phase, 7.0) for phase in phases]  # type: ignore[arg-type]
            return real(got)

        one.peer._answer = answer  # type: ignore[method-assign]
        await one.rig.carrier.hand_over([envelope])
        await one.rig.wait_answers([envelope])
        kinds = [type(event) for event in one.said(envelope)]
        assert ([Answer, Call, Call], ["answered", "ended"]) == (kinds, one.phases(envelope))


async def test_a_call_of_which_nothing_is_heard_is_asked_about(tmp_path: Path, autojump_clock: MockClock) -> None:
    """No callback reaches us: the line is freed all the same, and what the carrier then says is proof."""
    async with cloud(tmp_path) as one:
        busy, talked = await one.call(Fate(ending="busy", told=False)), await one.call(Fate(told=False), plays=1)
        for events, state, words in ((busy, "failed", "busy"), (talked, "reached", "played 100 %")):
            (receipt,) = [event for event in events if isinstance(event, Receipt)]
            assert (state, words) == (receipt.state, receipt.code)
            assert "ended" == getattr(events[-1], "phase", None)
        assert Fault("no word of a call in time") in one.rig.events


async def test_a_call_that_the_carrier_has_forgotten_ends_when_none_can_last(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with cloud(tmp_path) as one:
        (forgotten, strange) = one.envelopes(Fate(told=False, hangs_up_s=1e6), Fate(told=False, hangs_up_s=1e6))
        await one.rig.carrier.hand_over([forgotten, strange])
        await one.rig.wait_answers([forgotten, strange])
        _, second = one.peer.resources.values()
        one.deaf = True
        one.peer.resources = {second["sid"]: {**second, "status": "dreaming"}}
        await one.ended(forgotten, strange)
        assert Fault("a call's status that is none") in one.rig.events
        assert {"the carrier knows nothing of it"} == {
            event.code for event in one.rig.events if isinstance(event, Receipt) and event.state == "failed"
        }
        assert trio.current_time() > 1800


async def test_a_call_that_still_stands_is_asked_about_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    """In progress when asked: answered, once, and then waited for."""
    async with cloud(tmp_path) as one:
        one.script = replace(one.script, plays=10)
        (envelope,) = one.envelopes(Fate(told=False))
        await one.rig.carrier.hand_over([envelope])
        await one.ended(envelope)
        assert ["answered", "ended"] == one.phases(envelope)
        assert 2 <= sum(isinstance(event, Fault) for event in one.rig.events)


async def test_a_refused_call_stands_nowhere(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with cloud(tmp_path) as one:
        invalid, queued = one.envelopes(Fate(error=21211), Fate(error=20429))
        await one.rig.carrier.hand_over([invalid, queued])
        assert [Refused("number invalid", "address"), Unsent("too many requests", None, True)] == (
            await one.rig.wait_answers([invalid, queued])
        )
        assert [] == one.phases(invalid)
        await one.rig.carrier.drain(60)
        assert [True] == [event.up for event in one.rig.events if hasattr(event, "up")]


async def test_a_request_without_an_answer_is_unknown_and_its_callback_still_proves(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The address names the attempt, our reference and the handset: whatever dispatch still knows it by."""
    async with cloud(tmp_path) as one:
        await one.peer.behave("silence")
        (envelope,) = one.envelopes(Fate())
        await one.rig.carrier.hand_over([envelope])
        assert [Unknown("no answer in time")] == await one.rig.wait_answers([envelope])
        url = one.peer.requests[-1]["StatusCallback"]
        form = {"CallSid": "CA9", "To": envelope.address, "CallStatus": "completed", "CallDuration": "30"}
        assert 204 == (await one.peer.call_back(url, form))[0]
        (proof,) = one.told
        assert (envelope.attempt, envelope.reference, envelope.address, "CA9") == (
            proof.attempt,
            proof.reference,
            proof.address,
            proof.ref,
        )
        assert [] == one.phases(envelope)


async def test_draining_waits_for_calls_as_long_as_it_may(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with cloud(tmp_path) as one:
        (envelope,) = one.envelopes(Fate(), script=replace(one.script, plays=1))
        await one.rig.carrier.hand_over([envelope])
        await one.rig.wait_answers([envelope])
        await one.rig.carrier.drain(5)
        assert "ended" not in one.phases(envelope)
        await one.rig.carrier.drain(60)
        assert ["answered", "ended"] == one.phases(envelope)
        with pytest.raises(CarrierDownError):
            await one.rig.carrier.hand_over(one.envelopes(Fate()))


async def test_a_driver_that_starts_again_calls_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    """What had no answer is told by dispatch; what stood is followed to its end."""
    async with trio.open_nursery() as nursery:
        one = Cloud(nursery, tmp_path)
        (standing, unanswered) = one.envelopes(Fate(told=False, ending="busy"), Fate())
        async with one.rig.running():
            await one.rig.carrier.hand_over([standing])
            await one.rig.wait_answers([standing])
            await one.peer.behave("silence")
            await one.rig.carrier.hand_over([unanswered])
            await wait_all_tasks_blocked()
        await one.peer.behave("accept")
        before = len([event for event in one.rig.events if hasattr(event, "up")])
        async with trio.open_nursery() as running:
            running.start_soon(one.rig.carrier.run)
            while len([event for event in one.rig.events if hasattr(event, "up")]) == before:  # noqa: ASYNC110
                await trio.sleep(0.1)
            await one.ended(standing)
            assert isinstance((await one.call(Fate(ending="busy")))[0], Answer)
            running.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


def as_text(envelope: Envelope) -> Envelope:
    return replace(envelope, content=replace(envelope.content, channel="sms"), script=None)


async def test_what_can_never_leave_is_refused_here(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A text too long or not encodable, and a deadline that has passed, make no request."""
    async with cloud(tmp_path) as one:
        long, half, late = (as_text(one.rig.envelopes(1, text)[0]) for text in ("x" * 1601, "\ud83d", "late"))
        late = replace(late, deadline_at=one.rig.clock.now())
        await one.rig.carrier.hand_over([long, half, late])
        assert [
            Refused("text too long", "content"),
            Refused("not encodable", "content"),
            Unsent("deadline passed"),
        ] == (await one.rig.wait_answers([long, half, late]))
        assert [] == one.peer.requests


async def test_build_reads_the_token_less_its_last_line_end(tmp_path: Path) -> None:
    async def emit(events: object) -> None:
        """Nobody listens."""

    carrier = build(settings(tmp_path), emit, None)  # type: ignore[arg-type]
    assert (TOKEN, "http://bin.test") == (carrier._account.token, carrier._account.callbacks)
    assert account_of(settings(tmp_path, public_url=None)).callbacks is None
    carrier.acknowledge([], stored=True)


async def test_a_call_of_before_our_start_ends_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Its line is held since then; that it was answered says nothing new, and callbacks come again."""
    call = AttemptId("before")
    async with cloud(tmp_path) as one:
        carrier = one.rig.carrier
        assert isinstance(carrier, TwilioCarrier)
        for phase in ("answered", "ended", "ended", "answered"):
            await carrier.hear([Call(call, phase, 7.0)])  # type: ignore[arg-type]
        assert [Call(call, "ended", 7.0)] == [event for event in one.rig.events if isinstance(event, Call)]
        for index in range(OVER_MAX + 1):
            await carrier.hear([Call(AttemptId(f"before{index}"), "ended", 0.0)])
        assert OVER_MAX == len(carrier._over)
