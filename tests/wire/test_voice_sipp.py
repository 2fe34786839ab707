"""Calls of the voice process, with SIPp as the callee: how each ends, and that SIPp finds nothing amiss in ours."""

import random
from pathlib import Path

import pytest
from tests.fakes.voice_rig import VoiceRig
from tests.wire.sipp_callee import (
    ACK,
    BYE,
    HANG_UP,
    KEY,
    NOTHING,
    OK,
    REPEATED,
    RING,
    RTP,
    answer,
    needs_root,
    needs_sipp,
    refuse,
    sipp,
    wait_for,
)

from klaroen.core.ports import Accepted, Outcome, Refused, Script, Unsent

pytestmark = [pytest.mark.peer, needs_sipp]

CLIP = random.Random(1).randbytes(8_000)
NUMBER = "+32470000001"
REACHED = [("reached", "played 80 %")]


def script(rig: VoiceRig, *, ring_s: float = 30.0, ask: bool = False) -> Script:
    clip = rig.clips.put(CLIP)
    return Script(clip, ring_s, 1, "+3225550101", rig.clips.put(CLIP[:4000]) if ask else None)


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        (refuse("486 Busy Here"), Refused("busy", "address")),
        (refuse("404 Not Found"), Refused("number invalid", "address")),
        (refuse("603 Decline"), Refused("rejected", "address")),
        (refuse("403 Forbidden"), Refused("403", "carrier")),
        (
            refuse("503 Service Unavailable", headers="Retry-After: 7\n"),
            Unsent("trunk 503", 7.0, throttled=True),
        ),
    ],
    ids=["busy", "invalid", "declined", "forbidden", "trouble"],
)
async def test_a_call_that_is_refused_at_once(steps: str, outcome: Outcome, tmp_path: Path) -> None:
    """One answer, and nothing after it."""
    async with sipp(tmp_path, steps) as port:
        rig = VoiceRig(tmp_path, port, probe=False)
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig))
            assert outcome == await rig.outcome(attempt)
    assert ([outcome], [], []) == (rig.outcomes(attempt), rig.receipts(attempt), rig.phases(attempt))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_that_is_answered_and_played(transport: str, tmp_path: Path) -> None:
    """Rings, is answered, hears the clip; then we hang up. By UDP and by TCP."""
    options = ("-t", "t1") if transport == "tcp" else ()
    async with sipp(tmp_path, RING, OK, ACK, BYE, options=options) as port:
        rig = VoiceRig(tmp_path, port, probe=False, transport=transport)
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig))
            assert REACHED == await rig.ended(attempt)
    assert [Accepted((attempt,))] == rig.outcomes(attempt)
    assert ["answered", "ended"] == rig.phases(attempt)


@needs_root
async def test_key_1_confirms(tmp_path: Path) -> None:
    """As SIPp plays it from a recording of a real telephone (RFC 4733)."""
    async with sipp(tmp_path, RING, OK, ACK, '<pause milliseconds="2000"/>\n', KEY, BYE) as port:
        rig = VoiceRig(tmp_path, port, probe=False)
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig, ask=True))
            assert [*REACHED, ("confirmed", "key 1")] == await rig.ended(attempt)


async def test_a_call_that_nobody_answers_is_given_up(tmp_path: Path) -> None:
    """CANCEL after the ring time; the 487 is acknowledged."""
    gone = answer("487 Request Terminated", tag="one", cseq="CSeq: 1 INVITE", how=REPEATED)
    async with sipp(tmp_path, RING, wait_for("CANCEL"), answer("200 OK"), gone, ACK) as port:
        rig = VoiceRig(tmp_path, port, probe=False)
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig, ring_s=0.5))
            assert [("failed", "no answer")] == await rig.ended(attempt)
    assert [Accepted((attempt,))] == rig.outcomes(attempt)
    assert ["ended"] == rig.phases(attempt)


async def test_an_alert_that_expires_ends_ringing(tmp_path: Path) -> None:
    """Though it might ring for longer."""
    gone = answer("487 Request Terminated", tag="one", cseq="CSeq: 1 INVITE", how=REPEATED)
    async with sipp(tmp_path, RING, wait_for("CANCEL"), answer("200 OK"), gone, ACK) as port:
        rig = VoiceRig(tmp_path, port, probe=False)
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig), expire_s=1.0)
            assert [("failed", "no answer")] == await rig.ended(attempt)


async def test_a_200_that_crosses_our_cancel_is_hung_up(tmp_path: Path) -> None:
    """Acknowledged, and no telephone left off the hook."""
    steps = (RING, wait_for("CANCEL"), answer("200 OK", cseq="CSeq: 1 CANCEL"))
    late = answer("200 OK", RTP, cseq="CSeq: 1 INVITE", how=REPEATED)
    async with sipp(tmp_path, *steps, late, ACK, BYE) as port:
        rig = VoiceRig(tmp_path, port, probe=False)
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig, ring_s=0.5))
            assert [("failed", "no answer")] == await rig.ended(attempt)


async def test_a_callee_who_rings_and_declines(tmp_path: Path) -> None:
    """It was accepted, so it fails by a receipt."""
    async with sipp(tmp_path, RING, refuse("603 Decline")) as port:
        rig = VoiceRig(tmp_path, port, probe=False)
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig))
            assert [("failed", "rejected")] == await rig.ended(attempt)


async def test_a_callee_who_hangs_up_too_soon_was_not_reached(tmp_path: Path) -> None:
    """His BYE is answered."""
    async with sipp(tmp_path, RING, OK, ACK, HANG_UP) as port:
        rig = VoiceRig(tmp_path, port, probe=False)
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig))
            ((state, words),) = await rig.ended(attempt)
    assert "failed" == state
    assert words.startswith("hung up at ")


@pytest.mark.parametrize("password", ["secret", "wrong"])
async def test_a_trunk_that_asks_for_a_password(password: str, tmp_path: Path) -> None:
    """The right one is let in; a wrong one is the carrier's fault, and not asked again."""
    (tmp_path / "password").write_text(f"{password}\n")
    (tmp_path / "password").chmod(0o600)
    challenge = 'WWW-Authenticate: Digest realm="trunk", nonce="47ebe028cda119c35d4877b383027d28", algorithm=MD5\n'
    known = wait_for("INVITE", action='<verifyauth assign_to="known" username="klaroen" password="secret"/>')
    steps = (
        refuse("401 Unauthorized", headers=challenge) + known,
        '<nop next="in" test="known"/>\n' + refuse("403 Forbidden") + '<nop next="out"/>\n',
        '<label id="in"/>\n' + RING + OK + ACK + BYE + '<label id="out"/>\n',
    )
    async with sipp(tmp_path, *steps) as port:
        rig = VoiceRig(tmp_path, port, probe=False, user="klaroen", password_file=str(tmp_path / "password"))
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig))
            outcome = await rig.outcome(attempt)
            if password == "secret":
                assert REACHED == await rig.ended(attempt)
    assert (Accepted((attempt,)) if password == "secret" else Refused("403", "carrier")) == outcome


@pytest.mark.parametrize(
    "sdp",
    [
        "Content-Type: application/sdp\nContent-Length: [len]\n\nnonsense\n",
        RTP.replace("[media_port]", "0"),
        RTP.replace("8 101", "18 101"),
        NOTHING,
    ],
    ids=["nonsense", "no port", "no codec", "none"],
)
async def test_an_answer_that_cannot_be_played_to_is_hung_up(sdp: str, tmp_path: Path) -> None:
    """ACK, BYE, and a word why."""
    async with sipp(tmp_path, RING, answer("200 OK", sdp, how=REPEATED), ACK, BYE) as port:
        rig = VoiceRig(tmp_path, port, probe=False)
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig))
            assert [("failed", "488")] == await rig.ended(attempt)


async def test_an_answer_that_comes_again_is_one_answer(tmp_path: Path) -> None:
    """As when its ACK was late."""
    async with sipp(tmp_path, OK, ACK, answer("200 OK", RTP, cseq="CSeq: 1 INVITE", kept=True), BYE) as port:
        rig = VoiceRig(tmp_path, port, probe=False)
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig))
            assert REACHED == await rig.ended(attempt)
    assert ["answered", "ended"] == rig.phases(attempt)


async def test_a_second_telephone_that_answers_is_hung_up(tmp_path: Path) -> None:
    """A forked call: the first one hears the clip, the other has its ACK and its BYE."""
    other = answer("200 OK", RTP, tag="two", cseq="CSeq: 1 INVITE", kept=True, how=REPEATED)
    async with sipp(tmp_path, RING, OK, ACK, other, ACK, BYE, BYE) as port:
        rig = VoiceRig(tmp_path, port, probe=False)
        async with rig.running():
            attempt = await rig.call(NUMBER, script(rig))
            assert REACHED == await rig.ended(attempt)
    assert ["a second answer to one call"] == rig.faults()


async def test_lost_messages_cost_no_call(tmp_path: Path) -> None:
    """Four in ten answers and BYEs are lost: twenty calls, each reached, each ended once."""
    lossy = 'lost="40"'
    steps = (
        RING,
        answer("200 OK", RTP, how=f"{REPEATED} {lossy}"),
        ACK,
        wait_for("BYE", lossy) + answer("200 OK", tag=""),
    )
    async with sipp(tmp_path, *steps, calls=20) as port:
        rig = VoiceRig(tmp_path, port, probe=False)
        async with rig.running():
            attempts = [await rig.call(f"+3247000{index:04}", script(rig)) for index in range(20)]
            for attempt in attempts:
                assert REACHED == await rig.ended(attempt)
                assert ["answered", "ended"] == rig.phases(attempt)
