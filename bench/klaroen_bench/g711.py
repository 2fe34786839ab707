"""G.711 as an auditor needs it: what an octet of A-law or of mu-law means, and which octets of both mean the same.

Law: tables of our own, made from the recommendation's segments; nothing of the engine's is asked.
"""

from bisect import bisect_left
from typing import Final

SILENCE: Final = 0xD5
"""The A-law octet nearest to nothing, with which a last packet is filled up."""


def _alaw(octet: int) -> int:
    """Return the sample, 16 bits, of an octet: even bits are inverted, bit 8 set means positive."""
    octet ^= 0x55
    segment, step = octet >> 4 & 7, octet & 15
    size = (step << 4) + 8 if segment == 0 else (step << 4) + 0x108 << segment - 1
    return size if octet & 0x80 else -size


def _ulaw(octet: int) -> int:
    """Return the sample, 16 bits, of an octet: all bits are inverted, bit 8 clear means positive."""
    octet ^= 0xFF
    size = ((octet & 15) << 3) + 0x84 << (octet >> 4 & 7)
    return 0x84 - size if octet & 0x80 else size - 0x84


ALAW: Final = tuple(_alaw(octet) for octet in range(256))
ULAW: Final = tuple(_ulaw(octet) for octet in range(256))
_LEVELS: Final = sorted(set(ULAW))


def _nearest(sample: int) -> frozenset[int]:
    """Return every mu-law octet as near to a sample as any; two where it lies in the middle, and both zeros."""
    at = bisect_left(_LEVELS, sample)
    beside = _LEVELS[max(0, at - 1) : at + 1]
    off = min(abs(level - sample) for level in beside)
    return frozenset(octet for octet in range(256) if abs(ULAW[octet] - sample) == off)


ULAW_OF: Final = tuple(_nearest(sample) for sample in ALAW)
"""By A-law octet, the mu-law octets that say the same as well as mu-law can."""


def rms(alaw: bytes) -> float:
    """Return how loud it is: the root of the mean square of its samples; 0 for nothing."""
    return (sum(ALAW[octet] ** 2 for octet in alaw) / len(alaw)) ** 0.5 if alaw else 0.0
