"""The key that signs the audit trail: made once, for nobody else to read, and known by its public half."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from klaroen.seal import PEM_BYTES_MAX, SealFault, load_seal, read_public

BARE = serialization.NoEncryption()
FORMS = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)


def test_R22_a_key_is_made_at_the_first_start_and_kept(tmp_path: Path) -> None:
    made = load_seal(tmp_path, None)
    again = load_seal(tmp_path, None)
    public = read_public((tmp_path / "keys" / "audit.pub").read_text())
    assert made.name == again.name == public.name
    assert public.holds(made.sign(b"octets"), b"octets")
    assert not public.holds(made.sign(b"octets"), b"others")
    assert not public.holds(b"", b"octets")
    assert 0o600 == (tmp_path / "keys" / "audit.key").stat().st_mode & 0o777
    assert 0o700 == (tmp_path / "keys").stat().st_mode & 0o777
    secret = (tmp_path / "keys" / "audit.key").read_text()
    assert secret.splitlines()[1] not in repr(made)


def test_a_key_may_stand_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.pem"
    path.write_bytes(ed25519.Ed25519PrivateKey.generate().private_bytes(*FORMS, BARE))
    path.chmod(0o640)
    assert load_seal(tmp_path, str(path)).name == load_seal(tmp_path, str(path)).name
    assert not (tmp_path / "keys").exists()


def bad_keys() -> dict[str, bytes]:
    key = ed25519.Ed25519PrivateKey.generate()
    return {
        "nothing": b"",
        "no PEM": b"-----BEGIN",
        "another kind": rsa.generate_private_key(65537, 2048).private_bytes(*FORMS, BARE),
        "a password": key.private_bytes(*FORMS, serialization.BestAvailableEncryption(b"x")),
        "too long": b"x" * (PEM_BYTES_MAX + 1),
    }


@pytest.mark.parametrize("what", bad_keys())
def test_what_is_no_key_is_told_so(tmp_path: Path, what: str) -> None:
    path = tmp_path / "audit.key"
    path.write_bytes(bad_keys()[what])
    path.chmod(0o600)
    with pytest.raises(SealFault, match="no private key of Ed25519"):
        load_seal(tmp_path, str(path))


def test_a_key_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    load_seal(tmp_path, None)
    (tmp_path / "keys" / "audit.key").chmod(0o604)
    with pytest.raises(SealFault, match="chmod o="):
        load_seal(tmp_path, None)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SealFault, match="No such file"):
        load_seal(tmp_path, str(tmp_path / "none"))


@pytest.mark.parametrize("pem", ["", "é", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_public_key_is_told_so(pem: str) -> None:
    with pytest.raises(SealFault, match="no public key"):
        read_public(pem)
