"""The keys under which the register is sealed, and the file that holds them.

Law: each row is sealed by AES-SIV (RFC 5297) with its own place as associated data, so that no row can be put in the
place of another. The highest key seals; lower ones only open what is not sealed anew yet. A key never leaves its file
but into this process's memory, and no error quotes one.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEYS: Final = "keys"
FILE: Final = "register.keys"
KEY_BYTES: Final = 64
"""AES-SIV with two AES-256 keys (RFC 5297, 2.2)."""
DIGEST_BYTES: Final = 16
"""Of an address: a country has a million of them, so that two that are alike by chance will not be met."""
FILE_BYTES_MAX: Final = 64 * 1024
"""A line is 140 bytes: some 400 keys, of which all but one or two are gone."""

_LINE: Final = re.compile(r"([1-9][0-9]{0,8}) ([0-9a-f]{128})", re.ASCII)
_HEAD: Final = "# Klaroen: whoever has this file can read the register. Without it nobody can.\n"


class KeyFault(Exception):  # noqa: N818 - it says what an operator has to do
    """A key is not there, or does not open what it should; the words name the file."""


class Keyring:
    """Keys by number, 1 and up."""

    def __init__(self, secrets: Mapping[int, bytes]) -> None:
        assert secrets, "a keyring without a key"
        self._secrets = dict(secrets)
        self.current = max(secrets)
        self._ciphers = {number: AESSIV(secret) for number, secret in secrets.items()}
        self._digesting = {
            number: blake2b(secret, digest_size=32, person=b"klaroen address").digest()
            for number, secret in sorted(secrets.items(), reverse=True)
        }

    def __repr__(self) -> str:
        return f"Keyring({sorted(self._secrets)})"

    @classmethod
    def fresh(cls) -> "Keyring":
        return cls({1: os.urandom(KEY_BYTES)})

    def with_new(self) -> "Keyring":
        """Return the keyring with a further key, which seals from now on."""
        return Keyring({**self._secrets, self.current + 1: os.urandom(KEY_BYTES)})

    def with_current_alone(self) -> "Keyring":
        """Return the keyring without the keys that seal nothing any more."""
        return Keyring({self.current: self._secrets[self.current]})

    def knows(self, key: int) -> bool:
        return key in self._secrets

    @property
    def has_older(self) -> bool:
        return len(self._secrets) > 1

    def seal(self, place: list[bytes], clear: bytes) -> bytes:
        return self._ciphers[self.current].encrypt(clear, place)

    def open(self, key: int, place: list[bytes], sealed: bytes) -> bytes:
        """Raises KeyFault where the key is not there, or what is sealed stood in another place or was changed."""
        cipher = self._ciphers.get(key)
        if cipher is None:
            raise KeyFault(f"the register is sealed with key {key}, which is not in the key file: restore that file")
        try:
            return cipher.decrypt(sealed, place)
        except InvalidTag:
            raise KeyFault(
                f"what key {key} has sealed cannot be opened: it was changed, or the key is another"
            ) from None

    def digest(self, address: str) -> bytes:
        """Return what an address is found by (a keyed hash), under the current key."""
        return self.digests(address)[0]

    def digests(self, address: str) -> list[bytes]:
        """Return it under each key, the current one first."""
        octets = address.casefold().encode()
        return [blake2b(octets, key=key, digest_size=DIGEST_BYTES).digest() for key in self._digesting.values()]

    def lines(self) -> str:
        return _HEAD + "".join(f"{number} {secret.hex()}\n" for number, secret in sorted(self._secrets.items()))


def read_keys(path: Path) -> Keyring | None:
    """Return the keys, None where there is no file. Raises KeyFault."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
            open_to_all = os.fstat(file.fileno()).st_mode & 0o007
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyFault(f"{path}: {error.strerror}") from None
    if open_to_all:
        raise KeyFault(f"{path} is open to everybody on this machine: chmod o= {path}")
    lines = [line for line in content.decode("ascii", "replace").splitlines() if line and not line.startswith("#")]
    found = [_LINE.fullmatch(line) for line in lines]
    if len(content) > FILE_BYTES_MAX or not found or None in found:
        raise KeyFault(f"{path} holds no keys: a line is a number, a blank and {2 * KEY_BYTES} hexadecimal digits")
    secrets = {int(match[1]): bytes.fromhex(match[2]) for match in found if match is not None}
    if len(secrets) < len(found):
        raise KeyFault(f"{path} holds two keys of one number")
    return Keyring(secrets)


def write_keys(path: Path, keys: Keyring) -> None:
    """Put the keys in the file's place: whole, durable, and for nobody else to read. Raises KeyFault."""
    whole = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            whole.unlink()
        descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(keys.lines())
            file.flush()
            os.fsync(file.fileno())
        whole.replace(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise KeyFault(f"{path} cannot be written: {error.strerror}") from None
