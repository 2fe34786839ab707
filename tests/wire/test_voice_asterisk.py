"""Calls of the voice process into a real Asterisk: what it records is the clip, octet for octet."""

import random
import socket
import struct
from pathlib import Path

import pytest
from tests.fakes.voice_rig import VoiceRig
from tests.wire.asterisk_peer import asterisk, needs_asterisk

from klaroen.core.ports import Accepted, Outcome, Refused, Script, Unsent
from klaroen_adapters.voice.rtp_packet import TO_MU_LAW

pytestmark = [pytest.mark.peer, needs_asterisk]

CLIP = random.Random(3).randbytes(61_247)
"""Not a whole number of packets."""
SHORT = CLIP[:12_000]
PROMPT = CLIP[-4_000:]
REACHED = ("reached", "played 80 %")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_what_is_recorded_is_the_clip_octet_for_octet(transport: str, tmp_path: Path) -> None:
    """Over UDP and over TCP; Asterisk is asked by OPTIONS, and answers."""
    async with asterisk() as peer:
        rig = VoiceRig(tmp_path, peer.sip_port, transport=transport)
        async with rig.running():
            attempt = await rig.call("1001", Script(rig.clips.put(CLIP), 30.0, 1))
            assert [REACHED] == await rig.ended(attempt)
            assert [Accepted((attempt,))] == rig.outcomes(attempt)
            assert ["answered", "ended"] == rig.phases(attempt)
        assert CLIP == await peer.recording("1001")


async def test_who_takes_only_mu_law_hears_the_same_in_mu_law(tmp_path: Path) -> None:
    """Each octet by one table."""
    dial_plan = "[mu]\nexten => 1001,1,Record({recordings}/mu:ulaw,0,0,kqx)\n same => n,Hangup()\n"
    async with asterisk() as peer:
        etc = peer.directory / "etc"
        plan = etc / "extensions.conf"
        plan.write_text(plan.read_text() + dial_plan.replace("{recordings}", str(peer.recordings)))
        pjsip = etc / "pjsip.conf"
        pjsip.write_text(pjsip.read_text().replace("allow=alaw", "allow=ulaw").replace("context=peer", "context=mu"))
        await peer.command("core reload")
        rig = VoiceRig(tmp_path, peer.sip_port)
        async with rig.running():
            attempt = await rig.call("1001", Script(rig.clips.put(SHORT), 30.0, 1))
            assert [REACHED] == await rig.ended(attempt)
        await peer.wait_idle()
        assert SHORT.translate(TO_MU_LAW) == (peer.recordings / "mu.ulaw").read_bytes()


async def test_the_clip_the_prompt_and_the_clip_again(tmp_path: Path) -> None:
    """Twice, each with the question after it; in the pauses nothing is sent, and nothing is recorded."""
    async with asterisk() as peer:
        rig = VoiceRig(tmp_path, peer.sip_port)
        async with rig.running():
            attempt = await rig.call("1002", Script(rig.clips.put(SHORT), 30.0, 2, prompt=rig.clips.put(PROMPT)))
            assert [REACHED] == await rig.ended(attempt)
        assert (SHORT + PROMPT) * 2 == await peer.recording("1002")


async def test_key_1_confirms_what_was_heard(tmp_path: Path) -> None:
    """Pressed half a second after the answer: the clip is played to its end first, and not again."""
    async with asterisk() as peer:
        rig = VoiceRig(tmp_path, peer.sip_port)
        async with rig.running():
            attempt = await rig.call("6101", Script(rig.clips.put(SHORT), 30.0, 2, prompt=rig.clips.put(PROMPT)))
            assert [REACHED, ("confirmed", "key 1")] == await rig.ended(attempt)


async def test_another_key_brings_the_reply(tmp_path: Path) -> None:
    """Once, and then the clip (R17)."""
    async with asterisk() as peer:
        rig = VoiceRig(tmp_path, peer.sip_port)
        async with rig.running():
            attempt = await rig.call("6501", Script(rig.clips.put(SHORT), 30.0, 1, reply=rig.clips.put(PROMPT)))
            assert [("buffered", "key 5"), REACHED] == await rig.ended(attempt)
        recorded = await peer.recording("6501")
    reply, clip = recorded[: -len(SHORT)], recorded[-len(SHORT) :]
    assert SHORT == clip
    assert reply  # Asterisk begins to record when it has pressed the key: the reply may have begun before
    assert PROMPT.endswith(reply)


@pytest.mark.parametrize(
    ("number", "outcome", "receipts"),
    [
        ("2901", Refused("busy", "address"), []),
        ("4001", Refused("number invalid", "address"), []),
        ("8001", Unsent("trunk 503"), []),
        ("2001", Accepted(("A0000001",)), [("failed", "busy")]),
        ("5001", Accepted(("A0000001",)), [("failed", "403")]),  # so Asterisk says that somebody declined
        ("3001", Accepted(("A0000001",)), [("failed", "no answer")]),
    ],
    ids=["busy at once", "no number", "trouble", "rings, busy", "rings, declined", "rings on"],
)
async def test_how_a_call_ends(number: str, outcome: Outcome, receipts: list[tuple[str, str]], tmp_path: Path) -> None:
    """In the words of the table, whoever says it."""
    async with asterisk() as peer:
        rig = VoiceRig(tmp_path, peer.sip_port)
        async with rig.running():
            attempt = await rig.call(number, Script(rig.clips.put(SHORT), 1.0, 1))
            assert outcome == await rig.outcome(attempt)
            if receipts:
                assert receipts == await rig.ended(attempt)


async def test_who_hangs_up_was_not_reached(tmp_path: Path) -> None:
    """Half a second after the answer."""
    async with asterisk() as peer:
        rig = VoiceRig(tmp_path, peer.sip_port)
        async with rig.running():
            attempt = await rig.call("7001", Script(rig.clips.put(CLIP), 30.0, 1))
            ((state, words),) = await rig.ended(attempt)
    assert ("failed", True) == (state, words.startswith("hung up at "))


async def test_the_rtp_of_strangers_is_nothing(tmp_path: Path) -> None:
    """A key from another address than the callee's confirms nothing."""
    async with asterisk() as peer:
        rig = VoiceRig(tmp_path, peer.sip_port, voice="rtp_first = 30000\nrtp_last = 30199\n")
        async with rig.running():
            attempt = await rig.call("1001", Script(rig.clips.put(CLIP), 30.0, 1, prompt=rig.clips.put(PROMPT)))
            await rig.wait(lambda: "answered" in rig.phases(attempt), "an answer")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind(("127.0.0.2", 0))
                packet = struct.pack(">BBHIIBBH", 0x80, 0x80 | 101, 1, 160, 7, 1, 0x8A, 800)
                for port in range(30_000, 30_200, 2):
                    stranger.sendto(packet, ("127.0.0.1", port))
            assert [REACHED] == await rig.ended(attempt)
