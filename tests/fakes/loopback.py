"""Real sockets in virtual time."""

from typing import Final

LOOPBACK_S: Final = 0.001
"""Real seconds that a datagram may need from one socket of this process to another: a busy machine delivers it late,
and time that jumps meanwhile makes it lost."""
