"""TLS as the edge speaks it: tried by handshakes, in memory, with certificates that openssl made."""

import os
import ssl
import subprocess
from pathlib import Path

import pytest

from klaroen.edge.tls import Tls, make_context

DAY_S = 86_400


def make_certificate(directory: Path, name: str, days: int) -> None:
    """Write NAME.pem and NAME.key."""
    line = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-x509"]
    line += ["-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", str(days)]
    subprocess.run(line, cwd=directory, check=True, capture_output=True)


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    for name, days in (("first", 2), ("second", 30)):
        make_certificate(tmp_path, name, days)
    for end in ("pem", "key"):
        (tmp_path / f"edge.{end}").write_bytes((tmp_path / f"first.{end}").read_bytes())
    return Tls(str(tmp_path / "edge.pem"), str(tmp_path / "edge.key"), None)


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext | None = None) -> ssl.SSLObject:
    """Return the client's side of a connection."""
    if client is None:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours, theirs = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    ours.version()
    return ours


def shown(server: ssl.SSLContext) -> bytes:
    octets = shake_hands(server).getpeercert(binary_form=True)
    assert octets is not None
    return octets


@pytest.mark.parametrize(
    ("version", "spoken"),
    [("TLSv1", False), ("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_nothing_older_than_1_2_is_spoken(tls: Tls, version: str, spoken: bool) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_ciphers("ALL:@SECLEVEL=0")  # so that it is our side that refuses
    client.minimum_version = client.maximum_version = ssl.TLSVersion[version]
    if spoken:
        assert shake_hands(tls.context, client).version() == version.replace("_", ".")
    else:
        with pytest.raises(ssl.SSLError):
            shake_hands(tls.context, client)


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES128-SHA"])
def test_nothing_is_spoken_without_forward_secrecy_and_authenticated_encryption(tls: Tls, cipher: str) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(f"{cipher}:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        shake_hands(tls.context, client)


def test_a_renewed_certificate_is_taken_without_a_restart(tls: Tls, tmp_path: Path) -> None:
    """And told by when it ends; whoever looks again finds nothing new."""
    before, ends_at = shown(tls.context), tls.expires_at
    assert not tls.renew()
    for end in ("pem", "key"):
        (tmp_path / f"second.{end}").replace(tmp_path / f"edge.{end}")
    assert tls.renew()
    assert shown(tls.context) != before
    assert 27 * DAY_S < tls.expires_at - ends_at < 29 * DAY_S
    assert not tls.renew()


def test_a_certificate_that_does_not_fit_its_key_is_not_taken(tls: Tls, tmp_path: Path) -> None:
    """Whoever renews writes one file after the other: what is there in between spoils nothing."""
    before = shown(tls.context)
    (tmp_path / "second.pem").replace(tmp_path / "edge.pem")
    assert not tls.renew()
    assert shown(tls.context) == before
    (tmp_path / "edge.key").unlink()
    assert not tls.renew()
    (tmp_path / "second.key").replace(tmp_path / "edge.key")
    assert tls.renew()
    assert shown(tls.context) != before


def test_no_key_of_a_connection_is_logged(tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSLKEYLOGFILE in the environment of a service would open every recorded connection."""
    monkeypatch.setitem(os.environ, "SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    assert make_context(None).keylog_filename is None
    shake_hands(tls.context)
    assert not (tmp_path / "keys.log").exists()
