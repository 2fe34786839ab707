"""An Asterisk of the bench's own, if one is installed: calls over one trunk, told what to do by its REST interface.

Law: an installation is only read: one on the PATH, or the files that the tests lay aside. All that it writes is in a
directory that is given, and its one secret too.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from klaroen_bench.processes import stop_process
from klaroen_bench.rig import RigError

LAID_ASIDE: Final = Path(os.environ.get("KLAROEN_PEERS", "/var/cache/klaroen-peers"), "asterisk")
USER: Final = "klaroen"
RTP_FIRST, RTP_LAST = 20_000, 29_998
"""Two ports a call."""
READY_S: Final = 60.0
POLL_S: Final = 0.1
MODULES: Final = """
bridge_simple chan_pjsip codec_alaw codec_ulaw format_pcm func_callerid func_channel pbx_config app_stasis
res_ari res_ari_applications res_ari_asterisk res_ari_channels res_ari_events res_ari_model res_ari_playbacks
res_ari_recordings res_ari_bridges res_ari_endpoints res_ari_sounds
res_crypto res_http_websocket res_musiconhold res_pjproject res_pjsip res_pjsip_acl res_pjsip_authenticator_digest
res_pjsip_caller_id res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user
res_pjsip_header_funcs res_pjsip_nat res_pjsip_outbound_authenticator_digest res_pjsip_pubsub res_pjsip_rfc3326
res_pjsip_sdp_rtp res_pjsip_session res_rtp_asterisk res_sorcery_astdb res_sorcery_config res_sorcery_memory
res_stasis res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop res_timing_timerfd
res_websocket_client
"""
FILES: Final = {
    "asterisk.conf": """[directories]
astetcdir => {directory}/etc
astmoddir => {modules}
astvarlibdir => {directory}/lib
astdbdir => {directory}/lib
astkeydir => {directory}/lib
astdatadir => {data}
astagidir => {directory}/lib
astspooldir => {directory}/spool
astrundir => {directory}/run
astlogdir => {directory}/log
astsbindir => {directory}/lib
[options]
highpriority = no
transmit_silence = no
""",
    "logger.conf": "[logfiles]\nmessages.log => warning,error\n",
    "http.conf": "[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={http_port}\nsessionlimit=100\n",
    "ari.conf": "[general]\nenabled=yes\n[{user}]\ntype=user\npassword={password}\n",
    "rtp.conf": "[general]\nrtpstart={rtp_first}\nrtpend={rtp_last}\nstrictrtp=no\nicesupport=no\n",
    "extensions.conf": "[general]\n[nobody]\nexten => s,1,Hangup()\n",
    "pjsip.conf": """[udp]
type=transport
protocol=udp
bind=127.0.0.1:{sip_port}
[trunk]
type=endpoint
context=nobody
transport=udp
disallow=all
allow=alaw
dtmf_mode=rfc4733
direct_media=no
aors=trunk
[trunk]
type=aor
contact=sip:127.0.0.1:{trunk_port}
""",
    **dict.fromkeys(("acl.conf", "websocket_client.conf", "musiconhold.conf", "pjproject.conf"), ""),
    **dict.fromkeys(("features.conf", "stasis.conf", "udptl.conf"), "[general]\n"),
    **dict.fromkeys(("cdr.conf", "cel.conf"), "[general]\nenable=no\n"),
}


class Installation(Struct, frozen=True):
    """Where an Asterisk is, and how it is started."""

    program: tuple[str, ...]
    modules: Path
    data: Path


class Asterisk(Struct, frozen=True):
    """One that runs."""

    pid: int
    url: str
    password_file: Path
    version: str


def find_asterisk() -> Installation | None:
    """Return the one that is installed here, None if there is none."""
    program = shutil.which("asterisk")
    if program is not None:
        for modules in Path("/usr/lib").glob("**/asterisk/modules"):
            return Installation((program,), modules, Path("/usr/share/asterisk"))
    for modules in LAID_ASIDE.glob("usr/lib/*/asterisk/modules"):
        # Newer than this machine's: it has its own loader and libraries.
        libraries = modules.parents[1]
        for loader in libraries.glob("ld-linux*.so.*"):
            binary = LAID_ASIDE / "usr/sbin/asterisk"
            return Installation(
                (str(loader), "--library-path", str(libraries), str(binary)), modules, LAID_ASIDE / "usr/share/asterisk"
            )
    return None


@contextmanager
def running(found: Installation, directory: Path, trunk_port: int) -> Iterator[Asterisk]:
    """Run it until the block ends; it calls over the trunk at this port. Raises RigError."""
    http_port, sip_port = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    for folder in ("etc", "lib", "spool", "run", "log"):
        (directory / folder).mkdir(parents=True)
    password = secrets.token_urlsafe(24)
    password_file = directory / "asterisk.password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    values = {
        "directory": directory, "modules": found.modules, "data": found.data, "user": USER, "password": password,
        "http_port": http_port, "sip_port": sip_port, "trunk_port": trunk_port,
        "rtp_first": RTP_FIRST, "rtp_last": RTP_LAST,
    }  # fmt: skip
    for name, text in FILES.items():
        (directory / "etc" / name).write_text(text.format_map(values))
    loads = "".join(f"load => {name}.so\n" for name in MODULES.split() if (found.modules / f"{name}.so").exists())
    (directory / "etc" / "modules.conf").write_text(f"[modules]\nautoload=no\n{loads}")
    output = directory / "output"
    with output.open("ab") as file:
        process = subprocess.Popen(
            [*found.program, "-f", "-C", str(directory / "etc" / "asterisk.conf")],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=directory,
        )
    url = f"http://127.0.0.1:{http_port}/ari"
    try:
        _wait_ready(process, url, password, output)
        yield Asterisk(process.pid, url, password_file, _version(found))
    finally:
        stop_process(process)


def _wait_ready(process: "subprocess.Popen[bytes]", url: str, password: str, output: Path) -> None:
    request = urllib.request.Request(f"{url}/asterisk/info")  # noqa: S310 - our own
    request.add_header("Authorization", "Basic " + b64encode(f"{USER}:{password}".encode()).decode())
    until = time.monotonic() + READY_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if process.poll() is not None or time.monotonic() > until:
                raise RigError(f"Asterisk is not ready: {output.read_text(errors='replace')[-2000:]}") from None
            time.sleep(POLL_S)


def _version(found: Installation) -> str:
    said = subprocess.run([*found.program, "-V"], capture_output=True, text=True, check=False)
    return said.stdout.strip()


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
