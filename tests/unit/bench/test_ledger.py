"""A ledger is read back as it was written, and what is broken about it is said."""

from pathlib import Path

import pytest

from klaroen_bench.carriers.ledger import (
    ACCEPTED,
    HANDSET,
    Entry,
    Heading,
    LedgerError,
    LedgerReader,
    LedgerWriter,
    write_ledger,
)

HEADING = Heading("proximus", "sms", "smpp")
ENTRIES = [
    Entry(1_700_000_000_000_000_000, ACCEPTED, b"32470000001", b"\x00\x00\x00\x10\nraw"),
    Entry(1_700_000_000_020_000_000, HANDSET, b"32470000001", b"\x00\x00\x00\x10\nraw"),
    Entry(1_700_000_000_030_000_000, HANDSET, b"", b""),
]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_ledger(tmp_path / "l", HEADING, iter(ENTRIES))
    reader = LedgerReader(tmp_path / "l")
    assert (HEADING, ENTRIES, 0) == (reader.heading, list(reader), reader.truncated_bytes)


def test_nothing_waits_longer_than_a_flush(tmp_path: Path) -> None:
    """What was flushed is on file though the writer never closed."""
    writer = LedgerWriter(tmp_path / "l", HEADING)
    for entry in ENTRIES:
        writer.write(entry.at_ns, entry.kind, entry.number, entry.body)
    assert [] == list(LedgerReader(tmp_path / "l"))
    writer.flush()
    assert list(LedgerReader(tmp_path / "l")) == ENTRIES
    writer.close()


def test_a_full_buffer_is_flushed_before_its_time(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "l", HEADING)
    body = bytes(3 << 20)
    writer.write(1, ACCEPTED, b"32470000001", body)
    writer.write(2, ACCEPTED, b"32470000001", body)
    assert len(list(LedgerReader(tmp_path / "l"))) == 2
    writer.close()


@pytest.mark.parametrize("cut", [1, 5, 14 + 11 + 7])
def test_a_broken_off_tail_is_said_and_costs_only_itself(tmp_path: Path, cut: int) -> None:
    """The writer was killed within a record: the others stand."""
    write_ledger(tmp_path / "l", HEADING, iter(ENTRIES[:2]))
    whole = (tmp_path / "l").read_bytes()
    (tmp_path / "l").write_bytes(whole[:-cut])
    reader = LedgerReader(tmp_path / "l")
    assert (list(reader), reader.truncated_bytes) == (ENTRIES[:1], 14 + 11 + 8 - cut)


@pytest.mark.parametrize("raw", [b"", b"no heading", b"{}\n", b'{"ledger": 2}\n', b'{"ledger": 1, "a": 1}\n', b"[]\n"])
def test_what_is_no_ledger_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "l").write_bytes(raw)
    with pytest.raises(LedgerError):
        LedgerReader(tmp_path / "l")


def test_a_broken_record_is_not_read_over(tmp_path: Path) -> None:
    write_ledger(tmp_path / "l", HEADING, iter([Entry(1, ord("?"), b"", b"")]))
    with pytest.raises(LedgerError, match="byte"):
        list(LedgerReader(tmp_path / "l"))
