"""Asterisk as a peer: it starts, calls itself, and keeps what it hears octet by octet."""

from pathlib import Path

import pytest
from tests.wire.asterisk_peer import asterisk, needs_asterisk

pytestmark = [pytest.mark.peer, needs_asterisk]


async def test_it_records_what_is_played_octet_for_octet(tmp_path: Path) -> None:
    """One of its channels plays a file into another over SIP and RTP: whoever plays exactly is recorded exactly."""
    clip = bytes(0x55 ^ (n * 7 % 251) for n in range(160 * 100))
    (tmp_path / "clip.alaw").write_bytes(clip)
    async with asterisk(f"[play]\nexten => s,1,Playback({tmp_path}/clip)\n") as peer:
        await peer.ask("POST", "channels", endpoint="PJSIP/1001@trunk", context="play", extension="s", priority="1")
        heard = await peer.recording("1001")
    assert clip in heard
