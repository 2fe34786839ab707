"""Kind `asterisk` against a real Asterisk: what becomes of calls, and that what is heard is the clip octet for octet.

The far end is the same Asterisk, called over SIP and RTP on loopback, whose dial plan answers, records, presses keys
and refuses; and SIPp, for statuses that no dial plan gives.
"""

import random
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
import trio
from tests.wire.asterisk_peer import Asterisk as Peer
from tests.wire.asterisk_peer import asterisk, needs_asterisk, tells_statuses
from tests.wire.ports import free_port

from klaroen.clips import RATE, ClipStore
from klaroen.core.model import AttemptId, CarrierName, Content, Instant
from klaroen.core.ports import (
    Accepted,
    Answer,
    Call,
    Envelope,
    Event,
    Fault,
    Link,
    Outcome,
    Receipt,
    Refused,
    Script,
    Unknown,
    Unsent,
)
from klaroen.settings import Asterisk
from klaroen.testing import TrioClock
from klaroen_adapters.tcp import connector
from klaroen_adapters.voice.ari import AriCarrier

pytestmark = [pytest.mark.peer, needs_asterisk]

PATIENCE_S = 60.0
CLIP = random.Random(7).randbytes(RATE)
"""A second that no codec would leave as it is."""
PROMPT, REPLY = random.Random(8).randbytes(RATE // 4), random.Random(9).randbytes(RATE // 4)

SHIPPED = Path(__file__).parents[2] / "config/asterisk/extensions.conf"
MACHINE = """
; 9XXX answers and talks at length, then keeps what it hears, as machines do
exten => _9XXX,1,Answer()
 same => n,Wait(0.2)
 same => n,Playback({greeting})
 same => n,Record({recordings}/${{EXTEN}}:alaw,0,0,kqx)
"""
FAR = """
[far]
type=endpoint
transport=transport-udp
allow=alaw
aors=far
[far]
type=aor
contact=sip:127.0.0.1:{port}
"""


class Line:
    """A carrier at a real Asterisk, and what it says."""

    def __init__(
        self,
        peer: Peer,
        directory: Path,
        rest: Literal["auto", "http"] = "auto",
        *,
        amd: bool = False,
        endpoint: str = "PJSIP/{digits}@trunk",
    ) -> None:
        self.clips = ClipStore(directory)
        self.clip, self.prompt, self.reply = (self.clips.put(octets) for octets in (CLIP, PROMPT, REPLY))
        settings = Asterisk(
            name=CarrierName("pbx"),
            channels=("voice",),
            url=peer.url,
            user=peer.user,
            password_file="unread",
            endpoint=endpoint,
            data_dir=str(directory),
            rest=rest,
            amd=amd,
        )
        self.clock = TrioClock()
        self.events: list[Event] = []
        self.carrier = AriCarrier(settings, peer.password, self._emit, self.clock, self._connect)
        self._streams: list[trio.abc.Stream] = []
        self._said = trio.Event()

    async def _emit(self, events: Sequence[Event]) -> None:
        await trio.lowlevel.checkpoint()
        self.events += events
        self._said.set()
        self._said = trio.Event()

    async def _connect(self, host: str, port: int) -> trio.abc.Stream:
        stream = await connector()(host, port)
        self._streams.append(stream)
        return stream

    async def cut(self) -> None:
        """Cut the WebSocket, as a network does: what is opened first."""
        await trio.aclose_forcefully(self._streams[0])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.carrier.run)
            await self.wait_link(up=True)
            yield
            nursery.cancel_scope.cancel()

    async def wait_link(self, *, up: bool) -> None:
        def links() -> list[bool]:
            return [event.up for event in self.events if isinstance(event, Link)]

        await self.until(lambda: links()[-1:] == [up])

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(PATIENCE_S):
            while not condition():
                await self._said.wait()

    async def begin(self, numbers: Sequence[str], *, plays: int = 1, asks: bool = False, ring_s: float = 2.0) -> None:
        script = Script(self.clip, ring_s, plays, "+3250111111", *((self.prompt, self.reply) if asks else ()))
        now = self.clock.now()
        content = Content("voice", "nl", "warm", "Dag", "0" * 64, Instant(now + 3_600_000))
        deadline = Instant(now + 5_000)
        await self.carrier.hand_over(
            [Envelope(AttemptId(f"a{one}"), f"+{one}", content, deadline, script=script) for one in numbers]
        )

    async def end(self, numbers: Sequence[str]) -> None:
        """Wait until each of these calls is over."""
        await self.until(lambda: all(self._over(self.of(number)) for number in numbers))

    async def call(self, *numbers: str, plays: int = 1, asks: bool = False) -> list[list[Outcome | str]]:
        """Return what became of each."""
        await self.begin(numbers, plays=plays, asks=asks)
        await self.end(numbers)
        return [told(self.of(number)) for number in numbers]

    def of(self, number: str) -> list[Answer | Receipt | Call]:
        """What was said of one call."""
        said = [event for event in self.events if isinstance(event, Answer | Receipt | Call)]
        return [event for event in said if event.attempt == f"a{number}"]

    @staticmethod
    def _over(said: Sequence[Event]) -> bool:
        last = said[-1] if said else None
        refused = isinstance(last, Answer) and not isinstance(last.outcome, Accepted)
        return refused or (isinstance(last, Call) and last.phase == "ended")


def told(events: Sequence[Event]) -> list[Outcome | str]:
    """What the events of one call say, without their times."""
    said: list[Outcome | str] = []
    for event in events:
        match event:
            case Answer(_, outcome):
                said.append("accepted" if isinstance(outcome, Accepted) else outcome)
            case Receipt(state, code):
                said.append(f"{state}: {code}")
            case Call(_, phase, _):
                said.append(phase)
    return said


PLAYED = "reached: played 100 %"
HEARD = ["accepted", "answered", PLAYED, "ended"]


@pytest.mark.parametrize("rest", ["auto", "http"])
async def test_what_is_heard_is_the_clip_octet_for_octet(rest: Literal["auto", "http"], tmp_path: Path) -> None:
    """Ten calls at once, two plays each: neither codec, gain nor comfort noise touches it."""
    numbers = [f"10{index:02}" for index in range(10)]
    async with asterisk() as peer:
        line = Line(peer, tmp_path, rest)
        async with line.running():
            assert [HEARD] * 10 == await line.call(*numbers, plays=2)
        for number in numbers:
            heard = await peer.recording(number)
            first, second = heard.find(CLIP), heard.rfind(CLIP)
            assert 0 <= first < second, f"{number} heard something else"
            assert first + len(CLIP) <= second
    assert not [event for event in line.events if isinstance(event, Fault)]


async def test_what_becomes_of_calls(tmp_path: Path) -> None:
    """Busy at once and after ringing, no answer, no such number, declined, a trunk in trouble, hung up half-way."""
    async with asterisk() as peer:
        line = Line(peer, tmp_path)
        async with line.running():
            became = await line.call("2901", "2001", "3001", "4001", "5001", "8001", "7001")
        declined = "403" if tells_statuses() else "rejected"  # a dial plan cannot say 603
        cut = became.pop()
    assert [
        [Refused("busy", "address")],
        ["accepted", "failed: busy", "ended"],
        ["accepted", "failed: no answer", "ended"],
        [Refused("number invalid", "address")],
        ["accepted", f"failed: {declined}", "ended"],
        [Unsent("trunk 503")],
    ] == became
    assert ["accepted", "answered", "ended"] == [cut[0], cut[1], cut[3]]
    words, _, percent = str(cut[2]).removesuffix(" %").rpartition(" ")
    assert "failed: hung up at" == words
    assert 30 <= int(percent) <= 79


@pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed")
@pytest.mark.skipif("not tells_statuses()", reason="this Asterisk does not tell the SIP status")
async def test_statuses_that_asterisk_hides_in_one_cause_are_told_apart(tmp_path: Path) -> None:
    """404 and 603 are both NOANSWER in its dialstatus, 403 and 603 both cause 21: the SIP status says which."""
    expected: dict[str, Outcome] = {
        "404": Refused("number invalid", "address"),
        "410": Refused("number invalid", "address"),
        "480": Refused("no answer", "address"),
        "486": Refused("busy", "address"),
        "503": Unsent("trunk 503"),
        "600": Refused("busy", "address"),
        "603": Refused("rejected", "address"),
        "607": Refused("rejected", "address"),
    }
    port = free_port(socket.SOCK_DGRAM)
    scenario = tmp_path / "refuser.xml"
    scenario.write_text(refuser(expected))
    command = ["sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port), "-nostdin", "-timeout", "60s"]
    async with asterisk(pjsip=FAR.format(port=port)) as peer:
        process = await trio.lowlevel.open_process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            line = Line(peer, tmp_path, endpoint="PJSIP/far/sip:{digits}@127.0.0.1:" + str(port))
            async with line.running():
                became = await line.call(*expected)
        finally:
            process.kill()
            await process.wait()
    assert [[outcome] for outcome in expected.values()] == became


async def test_keys(tmp_path: Path) -> None:
    """Key 1 confirms; another key is told and gets the reply (R17), and the message goes on."""
    async with asterisk() as peer:
        line = Line(peer, tmp_path)
        async with line.running():
            confirmed, other = await line.call("6101", "6501", asks=True)
        heard = await peer.recording("6501")
    assert ["accepted", "answered", PLAYED, "confirmed: key 1", "ended"] == confirmed
    assert ["accepted", "answered", "buffered: key 5", PLAYED, "ended"] == other
    assert 0 <= heard.find(REPLY) < heard.find(PROMPT)


async def test_machines_are_told_from_people(tmp_path: Path) -> None:
    """Who talks on and on is a machine: it gets the message, and nobody is said to be reached."""
    greeting = tmp_path / "greeting"
    greeting.with_suffix(".alaw").write_bytes(random.Random(1).randbytes(4 * RATE))
    plan = MACHINE.format(greeting=greeting, recordings=tmp_path) + SHIPPED.read_text()
    async with asterisk(plan) as peer:
        line = Line(peer, tmp_path, amd=True)
        async with line.running():
            machine, gone = await line.call("9001", "7001")
        await peer.wait_idle()
    assert ["accepted", "answered", "buffered: machine", "network: machine played 100 %", "ended"] == machine
    assert ["accepted", "answered", "failed: hung up at 0 %", "ended"] == gone
    assert CLIP in (tmp_path / "9001.alaw").read_bytes()


async def test_asterisk_dies_in_the_midst_of_calls_and_comes_back(tmp_path: Path) -> None:
    """What rang and talked has failed when it is back and knows nothing of it; new calls are made."""
    async with asterisk() as peer:
        line = Line(peer, tmp_path)
        async with line.running():
            await line.begin(["1001", "3001"], plays=3, ring_s=30.0)
            await line.until(lambda: "answered" in told(line.of("1001")) and bool(line.of("3001")))
            async with peer.restarted():
                await line.wait_link(up=False)
            await line.end(["1001", "3001"])
            await line.wait_link(up=True)
            assert [HEARD] == await line.call("1002")
    assert ["accepted", "failed: connection lost", "ended"] == told(line.of("3001"))
    assert ["accepted", "answered", "failed: connection lost", "ended"] == told(line.of("1001"))


async def test_our_connection_is_cut_and_no_call_is_lost(tmp_path: Path) -> None:
    """The same calls go on; a call that had not rung yet is unknown, and hung up when we are back."""
    async with asterisk() as peer:
        line = Line(peer, tmp_path)
        async with line.running():
            await line.begin(["1001"], plays=3)
            await line.until(lambda: "answered" in told(line.of("1001")))
            await peer.wait_for("playbacks/klaroen-pbx.a1001.1")
            await line.cut()
            await line.wait_link(up=False)
            await line.end(["1001"])
        heard = await peer.recording("1001")
    assert HEARD == told(line.of("1001"))
    assert 3 == heard.count(CLIP)


async def test_who_crashes_leaves_no_telephone_ringing(tmp_path: Path) -> None:
    """What nobody here knows any more is hung up on the first connection."""
    async with asterisk() as peer:
        await peer.ask(
            "POST",
            "channels",
            endpoint="PJSIP/3001@trunk",
            app="klaroen-pbx",
            channelId="klaroen-pbx.old",
            timeout="60",
        )
        line = Line(peer, tmp_path)
        async with line.running():
            await peer.wait_idle()
            await line.begin(["3002"], ring_s=30.0)
            await line.until(lambda: bool(line.of("3002")))
        assert ["accepted", "failed: connection lost", "ended"] == told(line.of("3002"))
        again = Line(peer, tmp_path)
        async with again.running():
            await peer.wait_idle()
    assert Unknown("connection lost") not in told(line.of("3002"))


def refuser(statuses: Iterable[str]) -> str:
    """A scenario of SIPp: whoever dials a status gets it."""
    reads = "".join(f'<ereg regexp="sip:{one}@" search_in="hdr" header="To:" assign_to="is{one}"/>' for one in statuses)
    turns = "".join(f'<nop next="{one}" test="is{one}"/>' for one in statuses)
    answers = "".join(
        f"""<label id="{one}"/><send retrans="500"><![CDATA[

          SIP/2.0 {one} No
          [last_Via:]
          [last_From:]
          [last_To:];tag=[pid]far[call_number]
          [last_Call-ID:]
          [last_CSeq:]
          Content-Length: 0

        ]]></send><recv request="ACK" next="over"/>"""
        for one in statuses
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
      <scenario name="refuser"><recv request="INVITE"><action>{reads}</action></recv>{turns}
      {answers}<label id="over"/><nop/></scenario>"""
