"""G.711 as an auditor needs it: what an octet of A-law means, and which octet of mu-law means the same.

Law: tables of our own, made from the recommendation's segments; nothing of the engine's is asked.
"""

from bisect import bisect_right
from typing import Final

BIAS: Final = 0x84
SILENCE: Final = 0xD5
"""The A-law octet nearest to nothing, with which a last packet is filled up."""


def _alaw(octet: int) -> int:
    """Return the sample, 16 bits, of an octet: even bits are inverted, bit 8 set means positive."""
    octet ^= 0x55
    segment, step = octet >> 4 & 7, octet & 15
    size = (step << 4) + 8 if segment == 0 else (step << 4) + 0x108 << segment - 1
    return size if octet & 0x80 else -size


ALAW: Final = tuple(_alaw(octet) for octet in range(256))
_FROM: Final = tuple(((16 + step) << (segment + 3)) - BIAS for segment in range(8) for step in range(16))
"""The least size of each step of mu-law, 16 bits (table 2a's decision values)."""


def _ulaw(sample: int) -> int:
    """Return the octet of a sample: all bits are inverted, bit 8 clear means positive."""
    place = bisect_right(_FROM, abs(sample)) - 1
    return 0xFF ^ place if sample >= 0 else 0x7F ^ place


TO_ULAW: Final = bytes(_ulaw(sample) for sample in ALAW)
"""By A-law octet, the mu-law octet that says the same."""


def rms(alaw: bytes) -> float:
    """Return how loud it is: the root of the mean square of its samples; 0 for nothing."""
    return (sum(ALAW[octet] ** 2 for octet in alaw) / len(alaw)) ** 0.5 if alaw else 0.0
