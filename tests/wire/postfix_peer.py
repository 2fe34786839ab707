"""Debian's Postfix as a process of its own on a free port: its files alone, which tests/peers.sh lays under a folder.

It would put Exim aside were it installed. As root only, which it wants to be; it delivers as nobody.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.wire.mail_peer import make_certificate
from tests.wire.ports import free_port

FILES = Path(os.environ.get("KLAROEN_PEERS", "/var/cache/klaroen-peers"), "postfix")
THERE = (FILES / "usr/lib/postfix/sbin/master").exists() and os.getuid() == 0
OWNER, GROUP, NOBODY = "uucp", "voice", "nobody"
"""Of its queue: any that own nothing else here."""
MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
daemon_directory = {files}/usr/lib/postfix/sbin
command_directory = {files}/usr/sbin
meta_directory = {files}/etc/postfix
shlib_directory = {files}/usr/lib/postfix
mail_owner = {owner}
setgid_group = {group}
import_environment = MAIL_CONFIG LD_LIBRARY_PATH MAIL_LOGTAG TZ LANG=C
maillog_file = {home}/log
maillog_file_prefixes = {home}
myhostname = relay.test
mydestination =
local_recipient_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {home}/relay.pem
smtpd_tls_key_file = {home}/relay.key
recipient_delimiter =
virtual_mailbox_domains = example.be politie.example
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = regexp:{home}/etc/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 100
transport_maps = inline:{{ {{gone@example.be=nowhere:}} }}
alias_maps =
alias_database =
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
nowhere unix - n n - - virtual -o virtual_mailbox_maps=inline:{{a=b}}
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
BOXES = r"""
/^(an|gone|m[0-9]+)@example\.be$/ box/
/^terug\+[a-z0-9]+@politie\.example$/ box/
"""
QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")


@contextmanager
def postfix(directory: Path) -> Iterator[tuple[int, Path]]:
    """Yield the port of a Postfix that asks for TLS and reports by mail, and the maildir into which it delivers."""
    nobody, port = pwd.getpwnam(NOBODY), free_port()
    with tempfile.TemporaryDirectory(prefix="postfix-", ignore_cleanup_errors=True) as made:
        home = Path(made)
        home.chmod(0o755)
        for name in ("etc", "data", "queue", "mail", "queue/pid", "queue/public", "queue/maildrop"):
            (home / name).mkdir()
        for name in QUEUES:
            (home / "queue" / name).mkdir(mode=0o700)
            shutil.chown(home / "queue" / name, OWNER)
        for name, mode in (("public", 0o2710), ("maildrop", 0o1730)):
            shutil.chown(home / "queue" / name, OWNER, GROUP)
            (home / "queue" / name).chmod(mode)
        shutil.chown(home / "data", OWNER)
        os.chown(home / "mail", nobody.pw_uid, nobody.pw_gid)
        for path in make_certificate(directory):
            shutil.copy(path, home)
        given = {"home": home, "files": FILES, "owner": OWNER, "group": GROUP, "port": port}
        given |= {"uid": nobody.pw_uid, "gid": nobody.pw_gid}
        for name, words in (("main.cf", MAIN), ("master.cf", MASTER)):
            (home / "etc" / name).write_text(words.format(**given))
        (home / "etc" / "boxes").write_text(BOXES)
        environment = {"PATH": os.environ["PATH"], "MAIL_CONFIG": str(home / "etc")}
        environment["LD_LIBRARY_PATH"] = str(FILES / "usr/lib/postfix")
        master = FILES / "usr/lib/postfix/sbin/master"
        process = subprocess.Popen([master, "-c", home / "etc", "-d"], env=environment)
        try:
            yield port, home / "mail" / "box"
        finally:
            process.terminate()
            process.wait()
