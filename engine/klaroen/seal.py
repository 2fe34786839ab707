"""The key that signs checkpoints of the audit trail: Ed25519 (RFC 8032), made at the first start.

Law: the private key never leaves its file but into this process's memory. The public one stands beside it, to be given
to whoever shall be able to tell that the trail up to a checkpoint was written here.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEYS: Final = "keys"
FILE: Final = "audit.key"
PUBLIC: Final = "audit.pub"
PEM_BYTES_MAX: Final = 4_096
"""An Ed25519 key in PEM is some 120 bytes."""


class SealFault(Exception):  # noqa: N818 - it says what an operator has to do
    """A key cannot be read or made; the words name the file and nothing of the key."""


class PublicSeal:
    """What a checkpoint is verified by. `name` is how entries call the key: the start of its SHA-256."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.name: Final = sha256(raw).hexdigest()[:16]

    @property
    def pem(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_bytes(serialization.Encoding.PEM, form).decode("ascii")

    def holds(self, signature: bytes, octets: bytes) -> bool:
        try:
            self._key.verify(signature, octets)
        except InvalidSignature:
            return False
        return True


class Seal:
    """Implements `klaroen.core.ports.Sealer`."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public: Final = PublicSeal(key.public_key())

    def __repr__(self) -> str:
        return f"Seal({self.name})"

    @property
    def name(self) -> str:
        return self.public.name

    def sign(self, octets: bytes) -> bytes:
        return self._key.sign(octets)


def read_public(pem: str) -> PublicSeal:
    """Raises SealFault where it is no public key of Ed25519 in PEM."""
    try:
        key = serialization.load_pem_public_key(pem.encode("ascii"))
    except (ValueError, UnicodeEncodeError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SealFault("this is no public key of Ed25519 in PEM, such as keys/audit.pub")
    return PublicSeal(key)


def load_seal(data_dir: Path, key_file: str | None) -> Seal:
    """Return the key of `key_file`, else the data directory's own, made at the first start. Raises SealFault."""
    directory = data_dir / KEYS
    path = directory / FILE if key_file is None else Path(key_file)
    try:
        if key_file is None and not path.exists():
            _make(path)
        seal = _read(path)
        if key_file is None:
            _write(directory / PUBLIC, seal.public.pem.encode(), 0o644)
    except OSError as error:
        raise SealFault(f"{path}: {error.strerror}") from None
    return seal


def _read(path: Path) -> Seal:
    with path.open("rb") as file:
        pem = file.read(PEM_BYTES_MAX + 1)
        open_to_all = os.fstat(file.fileno()).st_mode & 0o007
    if open_to_all:
        raise SealFault(f"{path} is open to everybody on this machine: chmod o= {path}")
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SealFault(f"{path} holds no private key of Ed25519 in PEM without a password")
    return Seal(key)


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    form, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    _write(path, key.private_bytes(serialization.Encoding.PEM, form, bare), 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Put a file in its place: whole and durable."""
    whole = path.with_name(f"{path.name}.new")
    whole.unlink(missing_ok=True)
    descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    whole.replace(path)
