"""What the command line asks of the register: import, check, export, versions, persons, keys.

Law: the same code serves a running dispatch and, where none runs, the command that has taken the directory's lock.
"""

from pathlib import Path

import trio

from klaroen.core import calls, upkeep
from klaroen.core.errors import InputError
from klaroen.core.model import Instant
from klaroen.core.records import Store
from klaroen.core.snapshot import Snapshot
from klaroen.dispatch import persons, rekeying, versions
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.officers import Writes
from klaroen.register.book import Book
from klaroen.register.check import check_register
from klaroen.register.export import export_register
from klaroen.register.model import Register

Question = calls.ImportRegister | calls.CheckRegister | calls.ExportRegister | upkeep.Keeping

FILES = ("zones.jsonl", "networks.jsonl", "members.csv")


async def serve(store: Store, book: Book, write: Writes, now: Instant, question: Question, desk: Desk | None) -> object:
    """Raises InputError, RegisterFaults."""
    match question:
        case calls.ImportRegister():
            return await versions.import_register(store, book, write, question, now, desk)
        case calls.CheckRegister():
            return await trio.to_thread.run_sync(findings, book, now)
        case calls.ExportRegister(directory):
            return await trio.to_thread.run_sync(write_export, book, directory)
        case upkeep.ExportMember(member):
            return await persons.export(store, book, write, member, now)
        case upkeep.EraseMember(member):
            return await persons.erase(book, write, member, now, desk)
        case upkeep.RotateKey():
            return await rekeying.rotate_key(store, book, write, now, desk)
        case _:
            return await versions.answer(store, book, write, question, now, desk)


def register_of(book: Book) -> Register:
    """Return the register in force. Call it from a thread. Raises InputError."""
    register = book.register()
    if register is None:
        raise InputError("not-found", "No register has been imported.")
    return register


def places_of(book: Book) -> Snapshot:
    """Return zones and networks of the register in force. Raises InputError."""
    version = book.version()
    if version == 0:
        raise InputError("not-found", "No register has been imported.")
    return book.places(version)


def findings(book: Book, now: Instant) -> list[str]:
    """Return what is wrong with the register in force, in words (R2, R6). Call it from a thread."""
    return [
        f"{one.network}{f' {one.member}' if one.member else ''}: {one.words} ({one.rule})"
        + (f" [{', '.join(one.windows)}]" if one.windows else "")
        for one in check_register(register_of(book), now)
    ]


def write_export(book: Book, directory: str) -> None:
    """Write the three files of the register in force. Call it from a thread."""
    documents = export_register(register_of(book))
    target = Path(directory)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in zip(FILES, documents, strict=True):
        path = target / name
        path.touch(mode=0o600)
        path.write_bytes(content)
