"""Looks that a single value of the configuration must stand: addresses, files, secrets.

Law: each returns None, or words that say what is wrong without quoting what a secret file holds.
"""

import os
import re
import stat
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

SECRET_BYTES_MAX: Final = 64 * 1024
"""The longest secret is a private key with its chain: some kilobytes."""

SENDER_MAX: Final = 20
"""SMPP 3.4, 4.4.1: source_addr holds 20 characters."""

ENDPOINT_MAX: Final = 200

_LISTEN: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s/:@\[\]]+):([0-9]{1,5})")


def listen(value: str) -> str | None:
    match = _LISTEN.fullmatch(value)
    if match is None:
        return "expected host:port, such as 127.0.0.1:8080 or [::1]:8080"
    return None if int(match[1]) <= 65_535 else f"there is no port {match[1]}"


def url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        return f"is not an address: {error}"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "expected http://host... or https://host..."
    if parts.username is not None or parts.password is not None:
        return "holds a user or a password: those stand in a file of their own"
    return "ends in a fragment (#), which no server gets to see" if parts.fragment else None


def file(value: str) -> str | None:
    try:
        mode = os.stat(value).st_mode
    except OSError as error:
        return f"{value}: {error.strerror}"
    if not stat.S_ISREG(mode):
        return f"{value} is not a file"
    return None if os.access(value, os.R_OK) else f"{value} cannot be read by user {os.geteuid()}"


def secret(value: str) -> str | None:
    words = file(value)
    if words is not None:
        return words
    found = os.stat(value)
    if found.st_mode & (stat.S_IROTH | stat.S_IWOTH):
        return f"{value} is open to everybody on this machine: chmod o= {value}"
    if found.st_size == 0:
        return f"{value} is empty"
    return f"{value} is longer than {SECRET_BYTES_MAX} bytes" if found.st_size > SECRET_BYTES_MAX else None


def sender(value: str) -> str | None:
    fits = value.isascii() and value.isprintable() and len(value) <= SENDER_MAX
    return None if fits else f"expected at most {SENDER_MAX} ASCII characters"


def endpoint(value: str) -> str | None:
    if not value.isascii() or not value.isprintable() or len(value) > ENDPOINT_MAX:
        return f"expected at most {ENDPOINT_MAX} ASCII characters"
    if value.count("{number}") + value.count("{digits}") != 1:
        return "expected {number} or {digits} once, such as PJSIP/{number}@trunk"
    technology, slash, rest = value.partition("/")
    return None if technology.isalnum() and slash and rest else "expected TECHNOLOGY/..., such as PJSIP/{number}@trunk"


def store(value: str) -> str | None:
    if value == "sqlite":
        return None
    if value.startswith(("postgresql:", "postgres:")):
        return "postgresql is not available in this version: expected sqlite"
    return "expected sqlite"


CHECKS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "listen": listen,
    "url": url,
    "file": file,
    "secret": secret,
    "sender": sender,
    "endpoint": endpoint,
    "store": store,
}
