"""A real Asterisk on free ports: its own folders, a dial plan of one digit per fate, an ARI user, and what it recorded.

Law: nothing of it is outside the folder made for it, and it is gone with its folder when the block ends. Its SIP side
takes calls from this machine without a password, and calls itself at the endpoint `trunk`: PJSIP/1001@trunk rings 1001.
"""

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.wire.ports import free_port

ROOT = Path(os.environ.get("KLAROEN_PEERS", "/var/cache/klaroen-peers"), "asterisk")
WAIT_S = 60.0
NOT_YET = (404, 503)
"""The modules of ARI are loaded one after the other, then it waits until all else is."""
TRIES = 3
"""A port that was free may be taken before Asterisk has it."""
USER = "klaroen"

INSTALLED = any(ROOT.glob("usr/lib/*/asterisk/modules/chan_pjsip.so"))
needs_asterisk = pytest.mark.skipif(
    not INSTALLED,
    reason="peer not installed: asterisk (tests/peers.sh)",
)

MODULES = """
app_amd app_dial app_playback app_playtones app_record app_senddtmf app_stack app_stasis app_verbose
app_waitforsilence app_waituntil
bridge_simple bridge_softmix chan_pjsip codec_alaw codec_ulaw codec_resample format_pcm format_sln format_wav
func_callerid func_channel func_hangupcause func_strings func_timeout pbx_config
res_ari res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels res_ari_endpoints res_ari_events
res_ari_model res_ari_playbacks res_ari_recordings res_ari_sounds res_crypto res_http_websocket res_musiconhold
res_pjproject res_pjsip res_pjsip_acl res_pjsip_authenticator_digest res_pjsip_caller_id res_pjsip_dtmf_info
res_pjsip_endpoint_identifier_anonymous res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user
res_pjsip_header_funcs res_pjsip_logger res_pjsip_nat res_pjsip_outbound_authenticator_digest res_pjsip_pubsub
res_pjsip_rfc3326 res_pjsip_sdp_rtp res_pjsip_session
res_rtp_asterisk res_sorcery_astdb res_sorcery_config res_sorcery_memory
res_stasis res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop res_timing_timerfd
res_websocket_client
"""

EXTENSIONS = """
[general]
static=yes
writeprotect=yes
[peer]
; 1XXX answers and keeps what it hears, raw: recordings/1XXX.alaw
exten => _1XXX,1,Record({recordings}/${{EXTEN}}:alaw,0,0,kqx)
 same => n,Hangup()
; 2XXX rings, then is busy; 29XX is busy at once
exten => _2XXX,1,Ringing()
 same => n,Wait(0.3)
 same => n,Hangup(17)
exten => _29XX,1,Hangup(17)
; 3XXX rings and rings
exten => _3XXX,1,Ringing()
 same => n,Wait(300)
; 4XXX is no number
exten => _4XXX,1,Hangup(1)
; 5XXX rings, then declines
exten => _5XXX,1,Ringing()
 same => n,Wait(0.3)
 same => n,Hangup(21)
; 6dXX answers, keeps what it hears and, half a second later, presses d
exten => _6XXX,1,Answer()
 same => n,Wait(0.5)
 same => n,SendDTMF(${{EXTEN:1:1}})
 same => n,Record({recordings}/${{EXTEN}}:alaw,0,0,kqx)
; 7XXX answers and hangs up half a second later
exten => _7XXX,1,Answer()
 same => n,Wait(0.5)
 same => n,Hangup(16)
; 8XXX is a trunk in trouble (503)
exten => _8XXX,1,Hangup(34)
{extensions}
"""

FILES = {
    "asterisk.conf": """
[directories]
astetcdir => {directory}/etc
astmoddir => {modules}
astvarlibdir => {directory}/lib
astdbdir => {directory}/lib
astkeydir => {directory}/lib
astdatadir => {root}/usr/share/asterisk
astagidir => {directory}/lib
astspooldir => {directory}/spool
astrundir => {directory}/run
astlogdir => {directory}/log
astsbindir => {root}/usr/sbin
[options]
verbose = 3
nocolor = yes
highpriority = no
transmit_silence = no
""",
    "logger.conf": "[logfiles]\nmessages.log => notice,warning,error,verbose\n",
    "http.conf": "[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={http_port}\nsessionlimit=1000\n",
    "ari.conf": "[general]\nenabled=yes\n[{user}]\ntype=user\npassword={password}\n",
    "rtp.conf": "[general]\nrtpstart={rtp_start}\nrtpend={rtp_end}\nstrictrtp=no\nicesupport=no\n",
    "indications.conf": "[general]\ncountry=be\n[be]\ndescription=Belgium\nringcadence=1000,3000\nbusy=425/500,0/500\n",
    "acl.conf": "",
    "websocket_client.conf": "",
    "features.conf": "[general]\n",
    "stasis.conf": "[threadpool]\n",
    "cdr.conf": "[general]\nenable=no\n",
    "cel.conf": "[general]\nenable=no\n",
    "udptl.conf": "[general]\n",
    "amd.conf": "[general]\n",
    "musiconhold.conf": "[general]\n",
    "pjproject.conf": "[startup]\ntype=startup\nlog_level=default\n",
    "pjsip.conf": """
[transport-udp]
type=transport
protocol=udp
bind=127.0.0.1:{sip_port}
[transport-tcp]
type=transport
protocol=tcp
bind=127.0.0.1:{sip_port}
[trunk]
type=endpoint
context=peer
transport=transport-udp
disallow=all
allow=alaw
dtmf_mode=rfc4733
direct_media=no
aors=trunk
[trunk]
type=aor
contact=sip:127.0.0.1:{sip_port}
[trunk]
type=identify
endpoint=trunk
match=127.0.0.1
{pjsip}
""",
}


class Asterisk:
    """A running Asterisk: where it listens, whom it lets in, and what it heard."""

    def __init__(self, directory: Path, http_port: int, sip_port: int, password: str) -> None:
        self.directory = directory
        self.http_port, self.sip_port = http_port, sip_port
        self.user, self.password = USER, password
        self.url = f"http://127.0.0.1:{http_port}/ari"
        self.recordings = directory / "recordings"
        self._process: trio.Process | None = None

    async def start(self) -> bool:
        """Tell whether it is up: it is not where a port of its was taken meanwhile."""
        output = self.directory / "output"
        with output.open("ab") as file:
            self._process = await trio.lowlevel.open_process(
                [*program(), "-f", "-C", self.directory / "etc/asterisk.conf"],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=self.directory,
            )
        return await ready(self, self._process)

    async def kill(self) -> None:
        """As a power cut would: it keeps nothing that outlives the test."""
        if self._process is not None:
            self._process.kill()
            with trio.CancelScope(shield=True):
                await self._process.wait()

    @asynccontextmanager
    async def restarted(self) -> AsyncIterator[None]:
        """Kill it; at the end of the block it is back, as empty as at first."""
        await self.kill()
        yield
        assert await self.start(), self.log()[-4000:]

    async def ask(self, method: str, path: str, variables: dict[str, str] | None = None, **query: str) -> Any:
        """Make one ARI request, as somebody else than the carrier under test would."""
        return await trio.to_thread.run_sync(lambda: ari_request(self, method, path, variables, query))

    async def command(self, words: str) -> str:
        """Return what Asterisk's own console answers."""
        done = await trio.run_process(
            [*program(), "-C", self.directory / "etc/asterisk.conf", "-rx", words], capture_stdout=True
        )
        return done.stdout.decode()

    async def wait_idle(self) -> None:
        """Wait until no call is left, so that what was recorded is whole."""
        with trio.fail_after(WAIT_S):
            while await self.ask("GET", "channels"):  # noqa: ASYNC110  another process: it is asked
                await trio.sleep(0.02)

    async def wait_for(self, path: str) -> None:
        """Wait until ARI knows that thing."""
        with trio.fail_after(WAIT_S):
            while True:
                try:
                    await self.ask("GET", path)
                except urllib.error.HTTPError as error:
                    error.close()
                    await trio.sleep(0.02)
                else:
                    return

    async def recording(self, name: str) -> bytes:
        """Return the octets that the extension of that name heard, once all calls are over."""
        await self.wait_idle()
        return (self.recordings / f"{name}.alaw").read_bytes()

    def log(self) -> str:
        return (self.directory / "log/messages.log").read_text(errors="replace")


def program() -> list[str | Path]:
    """Return how to start it: by its own loader and libraries, newer than this machine's."""
    (modules,) = ROOT.glob("usr/lib/*/asterisk/modules")
    libraries = modules.parents[1]
    (loader,) = libraries.glob("ld-linux*.so.*")
    return [loader, "--library-path", libraries, ROOT / "usr/sbin/asterisk"]


def tells_statuses() -> bool:
    """Whether it says with which SIP status a call ended, as version 22 does."""
    if not INSTALLED:
        return False
    said = subprocess.run([*program(), "-V"], capture_output=True, text=True, check=True).stdout
    return int(said.removeprefix("Asterisk ").partition(".")[0]) >= 22


@asynccontextmanager
async def asterisk(extensions: str = "", pjsip: str = "") -> AsyncIterator[Asterisk]:
    """Run one until the block ends. `extensions` goes on in the context `peer`; `pjsip` adds endpoints."""
    directory = Path(tempfile.mkdtemp(prefix="klaroen-asterisk-"))  # short: a socket's path has 108 octets
    try:
        for _ in range(TRIES):
            peer = configured(directory, extensions, pjsip)
            try:
                if await peer.start():
                    yield peer
                    return
            finally:
                await peer.kill()
        pytest.fail(f"Asterisk did not start: {(directory / 'output').read_text(errors='replace')[-4000:]}")
    finally:
        shutil.rmtree(directory)


def configured(directory: Path, extensions: str, pjsip: str) -> Asterisk:
    for folder in ("etc", "lib/keys", "spool/recording", "run", "log", "recordings"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    peer = Asterisk(directory, free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM), secrets.token_hex(8))
    rtp_start = 10_000 + secrets.randbelow(200) * 200
    (modules,) = ROOT.glob("usr/lib/*/asterisk/modules")
    values = {
        "directory": directory,
        "root": ROOT,
        "modules": modules,
        "recordings": peer.recordings,
        "http_port": peer.http_port,
        "sip_port": peer.sip_port,
        "user": peer.user,
        "password": peer.password,
        "rtp_start": rtp_start,
        "rtp_end": rtp_start + 9_998,
        "pjsip": pjsip,
    }
    for name, text in FILES.items():
        (directory / "etc" / name).write_text(text.format_map(values))
    plan = EXTENSIONS.format(recordings=peer.recordings, extensions=extensions)
    (directory / "etc/extensions.conf").write_text(plan)
    there = {path.stem for path in modules.glob("*.so")}
    loads = "".join(f"load => {name}.so\n" for name in MODULES.split() if name in there)
    (directory / "etc/modules.conf").write_text(f"[modules]\nautoload=no\n{loads}")
    return peer


async def ready(peer: Asterisk, process: trio.Process) -> bool:
    """Wait until it is fully booted; False where it ended, or where its port is another's."""
    with trio.fail_after(WAIT_S):
        while process.poll() is None:
            try:
                await peer.ask("GET", "asterisk/info")
            except urllib.error.HTTPError as error:
                error.close()
                if error.code not in NOT_YET:
                    return False
            except OSError:
                await trio.sleep(0.05)
            else:
                return True
            await trio.sleep(0.05)
    return False


def ari_request(peer: Asterisk, method: str, path: str, variables: dict[str, str] | None, query: dict[str, str]) -> Any:
    words = urllib.parse.urlencode(query)
    request = urllib.request.Request(f"{peer.url}/{path}?{words}", method=method)
    credentials = f"{peer.user}:{peer.password}".encode()
    request.add_header("Authorization", "Basic " + base64.b64encode(credentials).decode())
    body = None
    if variables is not None:
        body = json.dumps({"variables": variables}).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, body, timeout=WAIT_S) as answer:
        octets = answer.read()
    return json.loads(octets) if octets else None
