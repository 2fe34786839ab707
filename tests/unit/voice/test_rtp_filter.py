"""The socket filter, run by a small machine of the test's own, and by the kernel."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from klaroen_adapters.voice.rtp_filter import Filter, instructions


def lets_through(payload_types: set[int], datagram: bytes) -> bool:
    """Run the program as Documentation/networking/filter.rst says."""
    program, at, register = instructions(payload_types), 0, 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        if code == 0x30:
            if value >= len(datagram):
                return False
            register = datagram[value]
        elif code == 0x54:
            register &= value
        elif code == 0x15:
            at += if_true if register == value else if_false
        else:
            return value > 0


@given(st.sets(st.integers(0, 127), min_size=1, max_size=4), st.integers(0, 255), st.integers(0, 255))
def test_only_the_wanted_payload_types_pass(wanted: set[int], second: int, first: int) -> None:
    """Marked or not."""
    assert ((second & 0x7F) in wanted) == lets_through(wanted, bytes(8) + bytes([first, second]) + bytes(10))


def test_five_instructions_for_one_type_and_a_short_datagram_is_dropped() -> None:
    """One more for each other type."""
    assert [5, 6] == [len(instructions(set(range(count)))) for count in (1, 2)]
    assert not lets_through({0}, bytes(9))


def test_the_kernel_runs_it() -> None:
    """Speech stays out, keys come in."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to,
    ):
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(10)
        Filter({101, 96}).attach(ear)
        for second in (8, 101, 0x80 | 96, 0, 13):
            to.sendto(bytes([0x80, second]) + bytes(14), ear.getsockname())
        assert [101, 0x80 | 96] == [ear.recv(100)[1] for _ in range(2)]
        ear.setblocking(False)
        try:
            more = ear.recv(100)
        except BlockingIOError:
            more = b""
        assert b"" == more
