"""What a callee hears is kept once, exactly, with its gaps; and how late it came is the kernel's word."""

import hashlib
import random
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaroen_bench.carriers import sounds as module
from klaroen_bench.carriers.burst import DATAGRAMS, Burst, open_ear
from klaroen_bench.carriers.ear import LATE_MAX, Ear, Lateness
from klaroen_bench.carriers.rtp import HEADER, OCTETS
from klaroen_bench.carriers.sounds import GAP, STRETCHES_MAX, Sounds, Stretch

SEED = random.Random(7)
CLIPS = [SEED.randbytes(size) for size in (1_600, 4_000, 2_480)] + [b"\xd5" * 800]


class Shelf:
    """What `Sounds` writes down."""

    def __init__(self) -> None:
        self.kept: dict[int, bytes] = {}
        self.sounds = Sounds(self.keep)

    def keep(self, sound: int, octets: bytes) -> None:
        self.kept[sound] = self.kept.get(sound, b"") + octets

    def octets(self, stretches: list[Stretch]) -> bytes:
        return b"".join(self.kept[sound][at : at + size] for sound, at, size in stretches if sound != GAP)


# --- sounds ----------------------------------------------------------------------------------------------------------

plays = st.lists(st.tuples(st.sampled_from(CLIPS), st.integers(1, 30)), min_size=1, max_size=5)


@given(st.lists(plays, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_every_call_is_kept_exactly_however_calls_mingle(calls, chance: random.Random) -> None:
    """Parts of clips, in any order, heard by many at once in pieces of any length."""
    shelf = Shelf()
    heard = [b"".join(clip[: packets * OCTETS] for clip, packets in call) for call in calls]
    stretches: list[list[Stretch]] = [[] for _ in calls]
    places = [0] * len(calls)
    while waiting := [index for index, octets in enumerate(heard) if places[index] < len(octets)]:
        index = chance.choice(waiting)
        size = OCTETS * chance.randint(1, 9)
        assert shelf.sounds.follow(stretches[index], heard[index][places[index] : places[index] + size])
        places[index] += size
    assert heard == [shelf.octets(one) for one in stretches]


def test_a_clip_is_kept_once_however_many_hear_it() -> None:
    """Twice by each, and a silence between that lasts as long as it likes."""
    shelf = Shelf()
    for call in range(50):
        stretches: list[Stretch] = []
        for octets in (CLIPS[0], b"\xd5" * OCTETS * (3 + call), CLIPS[0], CLIPS[1]):
            shelf.sounds.follow(stretches, octets)
    assert [len(CLIPS[0]) + OCTETS * 52, len(CLIPS[1])] == [len(octets) for octets in shelf.kept.values()]
    assert [[0, 0, 1_600 + OCTETS * 52], [0, 0, 1_600], [1, 0, 4_000]] == stretches


def test_there_is_an_end_to_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise is cut short, and says so; what is known already is followed still."""
    monkeypatch.setattr(module, "OCTETS_MAX", 3 * OCTETS)
    shelf = Shelf()
    assert not shelf.sounds.follow([], CLIPS[0])
    assert 3 * OCTETS == sum(map(len, shelf.kept.values()))
    stretches: list[Stretch] = []
    assert shelf.sounds.follow(stretches, CLIPS[0][: 3 * OCTETS])
    assert [[0, 0, 3 * OCTETS]] == stretches
    assert not shelf.sounds.follow([[0, 0, OCTETS]] * STRETCHES_MAX, CLIPS[1])


# --- ear -------------------------------------------------------------------------------------------------------------


class Line:
    """A sender and an ear, by the kernel's loopback, which loses and reorders nothing."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.lateness = Lateness()
        self.ear = Ear(self.shelf.sounds, self.lateness)
        self.at = open_ear("127.0.0.1")
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.burst = Burst()

    def send(self, sequence: int, octets: bytes, kind: int = 8, source: int = 1, flags: int = 0x80) -> None:
        head = HEADER.pack(flags, kind, sequence & 0xFFFF, sequence * OCTETS & 0xFFFFFFFF, source)
        self.sender.sendto(head + octets, self.at.getsockname())

    def listen(self) -> int:
        return self.ear.listen(self.burst, self.at.fileno())

    @property
    def heard(self) -> bytes:
        octets = self.shelf.octets(self.ear.stretches)
        assert (len(octets), hashlib.sha256(octets).hexdigest()) == (self.ear.heard, self.ear.sha256)
        return octets


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.at.close()
    line.sender.close()


def pieces(clip: bytes) -> list[bytes]:
    return [clip[at : at + OCTETS] for at in range(0, len(clip), OCTETS)]


def test_a_clip_is_heard_octet_for_octet(line: Line) -> None:
    """In more packets than one burst holds, over the end of the sequence numbers."""
    clip = SEED.randbytes(OCTETS * (2 * DATAGRAMS + 9) + 40)
    for index, octets in enumerate(pieces(clip)):
        line.send(65_500 + index, octets)
    assert 2 * DATAGRAMS + 10 == line.listen()
    assert 0 == line.listen()
    assert clip == line.heard
    assert (0, 0, 0) == (line.ear.missing, line.ear.again, line.ear.foreign)


def test_what_is_missing_is_a_gap_in_its_place(line: Line) -> None:
    first, _, _, fourth, fifth = pieces(CLIPS[0])[:5]
    line.send(5, first)
    line.send(8, fourth)
    line.listen()
    line.send(9, fifth)
    line.listen()
    assert (first + fourth + fifth, 2) == (line.heard, line.ear.missing)
    assert [[0, 0, OCTETS], [GAP, 0, 2], [1, 0, 2 * OCTETS]] == line.ear.stretches


def test_what_comes_twice_or_too_late_is_not_heard(line: Line) -> None:
    first, second, third = pieces(CLIPS[0])[:3]
    for sequence, octets in ((5, first), (6, second), (6, second), (5, first), (7, third)):
        line.send(sequence, octets)
    line.listen()
    assert (first + second + third, 2, 0) == (line.heard, line.ear.again, line.ear.missing)


def test_strangers_and_other_formats_are_not_heard(line: Line) -> None:
    """Another source, a telephone-event, no RTP; of RTCP nothing is said at all."""
    first, second = pieces(CLIPS[0])[:2]
    line.send(5, first)
    line.send(6, second, source=2)
    line.send(6, b"\x01\x8a\x03\x20", kind=101)
    line.send(6, second, flags=0x40)
    line.send(6, bytes(20), kind=200)
    line.sender.sendto(b"?", line.at.getsockname())
    line.send(6, second, flags=0x81)  # a contributor: its four octets are not audio
    line.listen()
    assert (first + second[4:], 4) == (line.heard, line.ear.foreign)


def test_a_caller_who_marks_and_pads_is_heard(line: Line) -> None:
    first, second = pieces(CLIPS[0])[:2]
    line.send(5, first, kind=0x88)
    line.send(6, second + b"\x00\x00\x03", flags=0xA0)
    line.listen()
    assert first + second == line.heard


def test_too_much_to_keep_is_still_hashed(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OCTETS_MAX", OCTETS)
    for index, octets in enumerate(pieces(CLIPS[0])):
        line.send(index, octets)
    line.listen()
    assert (False, hashlib.sha256(CLIPS[0]).hexdigest()) == (line.ear.kept, line.ear.sha256)


class Stamped(Burst):
    """Packets that came at instants of the test's own: (milliseconds, sequence number) each."""

    def __init__(self, *bursts: list[tuple[int, int]]) -> None:
        super().__init__()
        self.bursts = list(bursts)
        self.now: list[tuple[int, int]] = []

    def take(self, descriptor: int) -> int:
        self.now = self.bursts.pop(0)
        self.count = len(self.now)
        return self.count

    def heads(self):
        return iter([(0x80, 8, sequence, sequence * OCTETS, 1) for _, sequence in self.now])

    def stamps(self):
        return iter([(0, 0, 0, 1_000 + ms // 1000, ms % 1000 * 1_000_000) for ms, _ in self.now])

    def sizes(self):
        return [172] * self.count

    def packet(self, index: int, size: int) -> bytes:
        return HEADER.pack(0x80, 8, self.now[index][1], self.now[index][1] * OCTETS, 1) + bytes(size - HEADER.size)


def test_lateness_is_told_against_the_schedule_of_the_most_punctual(line: Line) -> None:
    """The first burst sets the schedule by its third packet; a later one that is earlier sets it anew."""
    burst = Stamped([(7, 0), (22, 1), (40, 2)], [(63, 3)], [(75, 4), (100, 5)], [(5_000, 6)])
    for _ in range(4):
        line.ear.listen(burst, 0)
    late = {place: count for place, count in enumerate(line.lateness.counts) if count}
    assert {0: 2, 20: 1, 30: 1, 50: 1, 70: 1, LATE_MAX: 1} == late
    assert (7, 3_100, 1_000_100) == (
        line.lateness.total,
        line.lateness.percentile_us(0.5),
        line.lateness.percentile_us(0.99),
    )


def test_without_packets_there_is_no_lateness() -> None:
    assert 0 == Lateness().percentile_us(0.99)


def test_a_broken_socket_is_an_error() -> None:
    with pytest.raises(OSError, match="9"):
        Burst().take(-1)
