"""SIPp as the callee: scenarios put together from steps, and SIPp itself as the judge of what it met.

Law: what a scenario does not expect fails it, and the block that ran it fails with SIPp's own words.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from tests.wire.ports import free_port

PCAP = Path("/usr/share/sip-tester/dtmf_2833_1.pcap")
WAIT_S = 60.0

needs_sipp = pytest.mark.skipif(
    shutil.which("sipp") is None or not PCAP.exists(), reason="peer not installed: sip-tester (tests/peers.sh)"
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="SIPp presses keys from a raw socket, as root only")

REPEATED = 'retrans="500"'
RTP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
"""
NOTHING = "Content-Length: 0\n"


def answer(
    status: str, body: str = NOTHING, *, tag: str = "one", cseq: str = "[last_CSeq:]", kept: bool = False, how: str = ""
) -> str:
    """Return the step that sends an answer to what came last, or, `kept`, to the INVITE."""
    via, to = ("Via:[$via]", "To:[$callee]") if kept else ("[last_Via:]", "[last_To:]")
    said = f"{via}\n[last_From:]\n{to}{f';tag={tag}' if tag else ''}\n[last_Call-ID:]\n{cseq}\n"
    contact = "Contact: <sip:phone@[local_ip]:[local_port];transport=[transport]>\n"
    return f"<send {how}><![CDATA[\nSIP/2.0 {status}\n{said}{contact}{body}\n]]></send>\n"


def wait_for(request: str, how: str = "", action: str = "") -> str:
    return f'<recv request="{request}" {how}>{f"<action>{action}</action>" if action else ""}</recv>\n'


RING = answer("180 Ringing")
ACK = wait_for("ACK")
OK = answer("200 OK", RTP, how=REPEATED)
BYE = wait_for("BYE") + answer("200 OK", tag="")
KEPT = {"$caller": "From:", "$callee": "To:", "$via": "Via:"}
"""What a later step may say again of the INVITE."""
KEY = f'<nop><action><exec play_pcap_audio="{PCAP}"/></action></nop>\n'
HANG_UP = """<pause milliseconds="300"/>
<send retrans="500"><![CDATA[
BYE sip:klaroen@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:phone@[local_ip]:[local_port]>;tag=one
To:[$caller]
[last_Call-ID:]
CSeq: 7 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
"""


def refuse(status: str, *, headers: str = "") -> str:
    return answer(status, headers + NOTHING, how=REPEATED) + ACK


@asynccontextmanager
async def sipp(directory: Path, *steps: str, calls: int = 1, options: tuple[str, ...] = ()) -> AsyncIterator[int]:
    """Run it for so many calls, and yield its port; after the block all of them must have gone as written."""
    kept = "".join(
        f'<ereg regexp=".*" search_in="hdr" header="{header}" assign_to="{name[1:]}"/>'
        for name, header in KEPT.items()
        if name in "".join(steps)
    )
    scenario = directory / "callee.xml"
    all_steps = wait_for("INVITE", action=kept) + "".join(steps)
    scenario.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="callee">\n{all_steps}</scenario>\n')
    port = free_port(socket.SOCK_DGRAM)
    line = [
        *("sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port), "-mi", "127.0.0.1", "-m", str(calls)),
        *("-nostdin", "-timeout", f"{WAIT_S:.0f}s", "-timeout_error", "-trace_err", "-trace_msg", *options),
    ]
    with (directory / "sipp.log").open("wb") as log:
        process = await trio.lowlevel.open_process(line, cwd=directory, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield port
        with trio.move_on_after(WAIT_S):
            await process.wait()
        assert 0 == process.returncode, said(directory)
    finally:
        if process.returncode is None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


def said(directory: Path) -> str:
    errors = "".join(path.read_text(errors="replace") for path in directory.glob("*errors.log"))
    return f"{errors[-3000:]}\n{(directory / 'sipp.log').read_text(errors='replace')[-1500:]}"
