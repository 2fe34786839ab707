"""One callee's ear: from packets to what was heard, what was missing, and how late it came.

Law: nothing is repaired. Octets count in the order of their sequence numbers; what comes again, or after its successor,
is counted and not heard, and what never came is a gap.
"""

import hashlib
from typing import Final

from klaroen_bench.carriers.burst import DATAGRAMS, Burst
from klaroen_bench.carriers.rtp import HEADER, OCTETS, PLAIN, RTCP, TICK_NS, payload_of
from klaroen_bench.carriers.sdp import PCMA
from klaroen_bench.carriers.sounds import GAP, STRETCHES_MAX, Sounds, Stretch

PLAIN_BYTES: Final = HEADER.size + OCTETS
JUMP_MAX: Final = 3_000
"""Packets ahead of what was expected, a minute: beyond it the sender counts anew (RFC 3550, A.1)."""
LATE_NS: Final = 100_000
"""Lateness is counted in tenths of a millisecond ..."""
LATE_MAX: Final = 10_000
"""... up to a second."""


class Lateness:
    """How late packets came, over all calls: against the schedule that their timestamps set."""

    def __init__(self) -> None:
        self.counts = [0] * (LATE_MAX + 1)
        self.total = 0

    def percentile_us(self, share: float) -> int:
        """Return the upper bound of the class in which the packet of this rank falls; 0 without packets."""
        left = share * self.total
        for place, count in enumerate(self.counts):
            left -= count
            if count and left <= 0:
                return (place + 1) * LATE_NS // 1000
        return 0


class Ear:
    def __init__(self, sounds: Sounds, lateness: Lateness, codec: int = PCMA) -> None:
        self._codec = codec
        self._sounds = sounds
        self._lateness = lateness
        self._hash = hashlib.sha256()
        self._source: int | None = None
        self._expected = 0
        self._began_ns = 0
        self._first_stamp = 0
        self.stretches: list[Stretch] = []
        self.kept = True
        """False: it heard more than there was room for; its hash alone tells what."""
        self.heard = 0
        self.packets = 0
        self.missing = 0
        self.again = 0
        """Came twice, or after its successor."""
        self.foreign = 0
        """Not this call's: another source, another format, no RTP."""

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def listen(self, burst: Burst, descriptor: int) -> int:
        """Hear all that waits at a socket; return how many packets of audio it was."""
        before = self.packets
        while burst.take(descriptor):
            self._time(burst)
            self._hear_burst(burst)
            if burst.count < DATAGRAMS:
                break
        return self.packets - before

    # --- what it says -----------------------------------------------------------------------------------------------

    def _hear_burst(self, burst: Burst) -> None:
        """Plain packets in order are heard in runs; whatever else comes is looked at by itself."""
        octets, sizes = burst.octets(), burst.sizes()
        expected, source, codec = self._expected, self._source, self._codec
        run = 0
        for index, (flags, kind, sequence, _, sender) in enumerate(burst.heads()):
            if (
                sequence == expected
                and sender == source
                and kind & 0x7F == codec
                and flags == PLAIN
                and sizes[index] == PLAIN_BYTES
            ):
                expected = (expected + 1) & 0xFFFF
                continue
            self._hear(octets[run * OCTETS : index * OCTETS], index - run)
            run = index + 1
            self._expected = expected
            self._hear_odd(burst.packet(index, sizes[index]))
            expected, source = self._expected, self._source
        self._expected = expected
        self._hear(octets[run * OCTETS :], burst.count - run)

    def _hear_odd(self, packet: bytes) -> None:
        if len(packet) >= 2 and packet[1] in RTCP:
            return
        octets = payload_of(packet)
        if octets is None or packet[1] & 0x7F != self._codec:
            self.foreign += 1
            return
        _, _, sequence, _, sender = HEADER.unpack_from(packet)
        if self._source is None:
            self._source, self._expected = sender, sequence
        if sender != self._source:
            self.foreign += 1
            return
        ahead = (sequence - self._expected) & 0xFFFF
        if ahead > JUMP_MAX:
            self.again += 1
            return
        if ahead:
            self._miss(ahead)
        self._expected = (sequence + 1) & 0xFFFF
        self._hear(octets, 1)

    def _hear(self, octets: bytes, packets: int) -> None:
        if not octets:
            return
        self.packets += packets
        self.heard += len(octets)
        self._hash.update(octets)
        self.kept = self.kept and self._sounds.follow(self.stretches, octets)

    def _miss(self, packets: int) -> None:
        self.missing += packets
        if len(self.stretches) < STRETCHES_MAX:
            self.stretches.append([GAP, 0, packets])

    # --- when it came -----------------------------------------------------------------------------------------------

    def _time(self, burst: Burst) -> None:
        """Count how late each packet came after the instant for which its timestamp asks.

        The schedule is that of the most punctual packet yet: the first burst sets it before it is judged by it.
        """
        counts = self._lateness.counts
        times = [
            (sec * 1_000_000_000 + nanosec, stamp)
            for (_, kind, _, stamp, sender), (_, _, _, sec, nanosec) in zip(burst.heads(), burst.stamps(), strict=True)
            if kind & 0x7F == self._codec and (sender == self._source or self._source is None)
        ]
        if not times:
            return
        self._lateness.total += len(times)
        if self._source is None:
            self._first_stamp = first = times[0][1]
            self._began_ns = min(at_ns - ((stamp - first) & 0xFFFFFFFF) * TICK_NS for at_ns, stamp in times)
        began_ns, first = self._began_ns, self._first_stamp
        for at_ns, stamp in times:
            late = (at_ns - began_ns - ((stamp - first) & 0xFFFFFFFF) * TICK_NS) // LATE_NS
            if late < 0:
                self._began_ns = began_ns = began_ns + late * LATE_NS
                late = 0
            elif late > LATE_MAX:
                late = LATE_MAX
            counts[late] += 1
