"""Clips for carriers that fetch what they play: as WAV, under addresses that nobody can guess and that end.

Law: pure. The carrier's token signs clip and end; who has the address may hear the clip until then, and no other one.
"""

import hashlib
import hmac
import struct
from typing import Final

from klaroen.core.model import ClipId, Instant
from klaroen_adapters.voice.twilio_mark import Account

RATE: Final = 8_000
KEY_CHARACTERS: Final = 32
"""128 bits: nobody guesses that."""


def clip_url(account: Account, clip: ClipId, until_s: int) -> str:
    key = clip_key(account.token, clip, until_s)
    return f"{account.callbacks}/v1/clips/{account.name}/{clip}.wav?until={until_s}&key={key}"


def clip_key(secret: str, clip: ClipId, until_s: int) -> str:
    said = f"klaroen clip {clip} {until_s}".encode()
    return hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()[:KEY_CHARACTERS]


def may_fetch(secret: str, clip: ClipId, until_s: int, key: str, now: Instant) -> bool:
    """Tell whether an address is one that we gave out, and has not ended. Compares in constant time."""
    expected = clip_key(secret, clip, until_s).encode()
    return hmac.compare_digest(expected, key.encode("utf-8", "replace")) and now < until_s * 1000


def wav(octets: bytes) -> bytes:
    """Return A-law as 16-bit PCM at 8 kHz, which every carrier takes: the same samples (G.711), nothing resampled."""
    samples = bytearray(2 * len(octets))
    samples[0::2] = octets.translate(_LOW)
    samples[1::2] = octets.translate(_HIGH)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", 4 + len(form) + 8 + len(samples), b"WAVE")
    return head + form + struct.pack("<4sI", b"data", len(samples)) + bytes(samples)


def _linear(octet: int) -> int:
    """Return the 13-bit value of an A-law octet, in 16 bits (G.711, table 1)."""
    value = octet ^ 0x55
    exponent, mantissa = (value >> 4) & 0x07, value & 0x0F
    magnitude = (mantissa << 4) + 8
    if exponent:
        magnitude = (magnitude + 0x100) << (exponent - 1)
    return magnitude if value & 0x80 else -magnitude


_TABLE: Final = [struct.pack("<h", _linear(octet)) for octet in range(256)]
_LOW: Final = bytes(pair[0] for pair in _TABLE)
_HIGH: Final = bytes(pair[1] for pair in _TABLE)
