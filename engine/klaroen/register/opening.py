"""The register is opened: its keys are found or made, and what an older version kept in clear is turned into rows.

Law: a key is made only where nothing is sealed yet; else a lost key file would be answered with a new one, and the
register would be lost without a word. What stood in clear is gone from the file before anything else is done with it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from klaroen.core.audit import COMMAND_LINE
from klaroen.core.register_rows import ROWS_MAX, LegacyRegister, Posting, RegisterStore, RegisterVersion
from klaroen.register.book import Book
from klaroen.register.difference import postings
from klaroen.register.files import read_register
from klaroen.register.keys import FILE, KEYS, KeyFault, Keyring, read_keys, write_keys
from klaroen.register.merge import number_members
from klaroen.register.model import Register
from klaroen.register.sealing import seal_start
from klaroen.register.snapshot import make_snapshot, snapshot_bytes, snapshot_from

EMPTY: Final = Register()

Transact = Callable[[Callable[[], Any]], Any]
"""Runs one write as one transaction."""


def keys_path(data_dir: Path, configured: str | None) -> Path:
    return data_dir / KEYS / FILE if configured is None else Path(configured)


def open_book(rows: RegisterStore, path: Path, transact: Transact) -> Book:
    """Return the register, in this version's form. Raises KeyFault."""
    keys = read_keys(path)
    if keys is None:
        if rows.version() is not None:
            raise KeyFault(f"{path} is gone: the register was sealed with it. Restore that file from where you keep it")
        keys = Keyring.fresh()
        write_keys(path, keys)
    book = Book(rows, keys, path)
    legacy = rows.legacy()
    if legacy:
        turn_into_rows(book, legacy, transact)
    return book


def turn_into_rows(book: Book, legacy: Sequence[LegacyRegister], transact: Transact) -> None:
    """Write each version's rows, oldest first, then write the file anew without what stood in clear.

    Begun anew where it was interrupted: versions that are in force are passed over.
    """
    before = book.register() or EMPTY
    for old in legacy:
        if old.version <= book.version():
            continue
        snapshot = snapshot_from(old.snapshot)
        known = {name: number for number, name in enumerate(snapshot.member_ids) if name}
        after = number_members(read_register(*old.documents), known, len(snapshot.member_ids))  # type: ignore[arg-type]
        transact(partial(book.rows.discard, book.version()))
        for part in slices(list(postings(book.keys, before, after, old.version))):
            transact(partial(book.rows.stage, part))
        made = make_snapshot(old.version, after, book.rows.numbers_given())
        start = seal_start(book.keys, old.version, snapshot_bytes(made))
        version = RegisterVersion(old.version, old.at, COMMAND_LINE, "import")
        transact(partial(book.rows.enforce, version, (), start))
        before = after
    transact(book.rows.drop_legacy)
    book.rows.rebuild()


def slices(found: Sequence[Posting]) -> list[Sequence[Posting]]:
    """Return them in parts as large as one write may be."""
    return [found[start : start + ROWS_MAX] for start in range(0, len(found), ROWS_MAX)]
