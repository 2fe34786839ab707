"""Real mail servers for the tests: aiosmtpd in a thread, and Exim as a process of its own on a free port."""

import os
import pwd
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import trio
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from tests.wire.ports import free_port

from klaroen.core.model import AttemptId, CarrierName, Content, Instant
from klaroen.core.ports import Clock, Emit
from klaroen.core.ports import Envelope as Ours
from klaroen.setting_mail import Smtp
from klaroen.testing import CarrierRig, Copy, Manner
from klaroen_adapters.mail.smtp import SmtpCarrier, terms_of

USER, PASSWORD = "klaroen", "hush, é"


class NoPeer:
    """The far end is a program of its own: the rig cannot tell it how to behave."""

    manners: Sequence[Manner] = ("accept",)
    copies: Sequence[Copy] = ()

    async def behave(self, manner: Manner) -> None:
        assert manner == "accept"


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """Return a certificate for `localhost`, which is its own authority, and its key."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost -addext"
    certificate, key = directory / "relay.pem", directory / "relay.key"
    command = ["openssl", *words.split(), "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def rig(directory: Path, port: int, **changes: object) -> CarrierRig:
    """Return a carrier for the relay at this port, by STARTTLS and with a password unless told otherwise."""
    secret = directory / "password"
    secret.write_text(PASSWORD + "\n")
    given: dict[str, object] = {
        "tls_ca": str(directory / "relay.pem"), "user": USER, "password_file": str(secret),
        "bounces": "terug@politie.example", "reports": "all", "connections": 2,
    }  # fmt: skip
    settings = Smtp(
        name=CarrierName("mail"),
        channels=("email",),
        host="localhost",
        port=port,
        sender="bin@politie.example",
        **{**given, **changes},  # type: ignore[arg-type]
    )

    def make(emit: Emit, clock: Clock) -> SmtpCarrier:
        return SmtpCarrier(settings, terms_of(settings), emit, clock)

    return CarrierRig(make, NoPeer(), "email")


def mails(bench: CarrierRig, addresses: Sequence[str], text: str, subject: str | None = None) -> list[Ours]:
    """Return envelopes of one text, each with an attempt of its own."""
    now = bench.clock.now()
    content = Content("email", "nl", "cold", text, "0" * 64, Instant(now + 3_600_000), subject=subject)
    return [
        Ours(AttemptId(f"{index:026x}"), address, content, Instant(now + 10_000))
        for index, address in enumerate(addresses)
    ]


# --- aiosmtpd ---------------------------------------------------------------------------------------------------------


class Keeper:
    """Keeps what it gets; refuses whoever is called nobody."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[str], bytes]] = []
        self.extensions: list[bool] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.original_content, bytes)
        assert envelope.mail_from is not None
        self.taken.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.original_content))
        self.extensions.append(session.ssl is not None and session.authenticated)
        return "250 2.0.0 kept"


def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
    assert isinstance(given, LoginPassword)
    known = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


@contextmanager
def aiosmtpd(directory: Path) -> Iterator[tuple[int, Keeper]]:
    """Yield the port of an aiosmtpd that asks for TLS and for a password, and what it keeps."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*make_certificate(directory))
    keeper = Keeper()
    controller = Controller(
        keeper,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
        enable_SMTPUTF8=True,
    )
    controller.start()
    try:
        yield controller.port, keeper
    finally:
        controller.stop()


# --- Exim -------------------------------------------------------------------------------------------------------------

EXIM = shutil.which("exim4", path="/usr/sbin:/usr/bin")
CONF = """
primary_hostname = relay.test
spool_directory = {directory}/spool
log_file_path = {directory}/%slog
pid_file_path = {directory}/exim.pid
exim_user = {user}
exim_group = {group}
never_users =
trusted_users = {user}
keep_environment =
add_environment =
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = {directory}/relay.pem
tls_privatekey = {directory}/relay.key
auth_advertise_hosts = ${{if def:tls_in_cipher {{*}}{{}}}}
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
hosts_treat_as_local =
host_lookup =
rfc1413_hosts =
smtp_accept_max_per_connection = 10
acl_smtp_rcpt = recipients
acl_smtp_data = contents

begin acl
recipients:
  deny !authenticated = *
  deny local_parts = nobody
       message = 5.1.1 no such user
  defer local_parts = later
       message = 4.2.0 try again
  accept
contents:
  accept

begin routers
gone:
  driver = redirect
  local_parts = gone
  allow_fail
  data = :fail: 5.1.1 no such mailbox
kept:
  driver = accept
  transport = file

begin transports
file:
  driver = appendfile
  directory = {directory}/mail
  maildir_format
  envelope_to_add
  user = {user}
  group = {group}

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{name}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""


@contextmanager
def exim(directory: Path) -> Iterator[tuple[int, Path]]:
    """Yield the port of an Exim that queues and reports by mail, and the folder into which it delivers.

    It delivers for nobody who is root: then it works as the user that its package made, in a folder of that user's.
    """
    assert EXIM is not None
    certificate, key = make_certificate(directory)
    owner = pwd.getpwnam("Debian-exim") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="exim-", ignore_cleanup_errors=True) as made:
        home = Path(made)
        for name in ("spool", "mail"):
            (home / name).mkdir()
        shutil.copy(certificate, home)
        shutil.copy(key, home)
        configuration = home / "exim.conf"
        configuration.write_text(
            CONF.format(directory=home, user=owner.pw_uid, group=owner.pw_gid, port=port, name=USER, password=PASSWORD)
        )
        if os.getuid() == 0:
            for path in (home, *home.iterdir()):
                os.chown(path, owner.pw_uid, owner.pw_gid)
            os.chown(configuration, 0, 0)  # the only owner from whom Exim takes one
        process = subprocess.Popen([EXIM, "-C", str(configuration), "-bdf", "-q1m"], stderr=subprocess.PIPE)
        try:
            yield port, home / "mail"
        finally:
            process.terminate()
            process.communicate()


async def wait_open(port: int) -> None:
    with trio.fail_after(20):
        while True:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                await trio.sleep(0.05)
            else:
                await stream.aclose()
                return


async def wait_mail(folder: Path, address: str, header: str = "Envelope-to") -> bytes:
    """Return the mail that was delivered for this address, once it has been: the server says so in a header."""
    with trio.fail_after(20):
        while True:
            for file in sorted((folder / "new").glob("*")):
                octets = file.read_bytes()
                if f"{header}: {address}\n".encode() in octets:
                    return octets
            await trio.sleep(0.05)
