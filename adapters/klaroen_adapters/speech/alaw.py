"""G.711 A-law: one octet for a sample of sixteen bits.

Law: pure; a table, so that nothing is computed twice, and no `audioop`, which Python 3.13 has not.
"""

from typing import Final

TOGGLED: Final = 0x55
"""Every second bit is inverted on the line (G.711, table 1a, note 2)."""
SIGN: Final = 0x80
"""Set in what is not negative."""
SEGMENTS: Final = 8
CODES: Final = 16
"""In each segment."""


def _table() -> bytes:
    """Return the octet of each sample: from 0 to 32,767, then from -32,768 to -1, as 16 bits without sign count."""
    ascending = bytearray()
    for segment in range(SEGMENTS):
        width = 16 << max(0, segment - 1)  # the first two segments have steps of the same width
        for code in range(CODES):
            ascending += bytes([(segment << 4 | code | SIGN) ^ TOGGLED]) * width
    return bytes(ascending + bytes(octet ^ SIGN for octet in reversed(ascending)))


TABLE: Final = _table()
"""64 Ki octets, by the sample's value modulo 2^16."""
