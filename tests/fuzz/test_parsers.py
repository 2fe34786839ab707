"""Every parser, with octets that begin as good ones: it returns or raises what it promises, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.found import octet_readers
from tests.fuzz.parsers import OUTSIDE, PARSERS, Parser

FOUND = Path(__file__).with_name("found")
"""What once brought a parser down, by the parser's name: kept for ever."""
EXAMPLES = 60
DICTIONARY = st.sampled_from(
    [
        b"\x00",
        b"\xff",
        b"\r\n",
        b'"',
        b"{}",
        b"[",
        b"-1",
        b"99999999999999999999",
        b"\xed\xa0\x80",
        b"\\u0000",
        b"%00",
        b";",
        b"=",
    ]
)


@st.composite
def mutated(draw: st.DrawFn, seed: bytes) -> bytes:
    """Octets of a good one, with some of them taken out, put in, doubled or changed."""
    octets = bytearray(seed)
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(octets)))
        to = min(len(octets), at + draw(st.integers(0, 12)))
        octets[at:to] = draw(st.just(b"") | DICTIONARY | st.binary(max_size=6) | st.just(bytes(octets[at:to]) * 3))
    return bytes(octets)


def assert_kept(parser: Parser, octets: bytes) -> None:
    try:
        parser.run(octets)
    except parser.raises:
        return


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_returns_or_raises_what_it_promises(name: str) -> None:
    parser = PARSERS[name]
    seeds = [mutated(seed) for seed in parser.seeds]

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(st.one_of(st.binary(max_size=60), *seeds, *seeds, *seeds))
    def keeps_its_promise(octets: bytes) -> None:
        assert_kept(parser, octets)

    keeps_its_promise()


def test_what_was_found_once_is_mended() -> None:
    """Each file there brought a parser down before."""
    for path in sorted(FOUND.glob("*/*")):
        assert_kept(PARSERS[path.parent.name], path.read_bytes())


def test_every_function_that_reads_octets_is_fuzzed_or_told_why_not() -> None:
    """Whoever adds a wire adds it to the list."""
    covered = {name for parser in PARSERS.values() for name in parser.covers}
    found = set(octet_readers())
    assert set() == {name for name in found - covered if not name.startswith(tuple(OUTSIDE))}
    assert set() == covered - found
    assert [] == [start for start in OUTSIDE if not any(name.startswith(start) for name in found)]
