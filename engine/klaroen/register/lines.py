"""Bytes of a register file, bounded, become numbered lines of text.

Law: nothing is read beyond its limit, and nothing that is not UTF-8 goes further: such a line is a fault.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

from klaroen.register.model import Faults

FILE_BYTES_MAX: Final = 256 * 1024 * 1024
"""A million members at 200 bytes, ten times the country; a larger file is a wrong file."""

_BOM: Final = b"\xef\xbb\xbf"


class Source(NamedTuple):
    """One file to import: its name as faults will say it, and its bytes without a byte order mark."""

    name: str
    content: bytes


def read_source(origin: bytes | Path, name: str, faults: Faults) -> Source:
    """Return the file; empty, with a fault, if it is too large or cannot be read."""
    if isinstance(origin, Path):
        name = origin.name
        try:
            with origin.open("rb") as file:
                origin = file.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            faults.add(name, 0, "file", f"cannot be read: {error.strerror}")
            return Source(name, b"")
    if len(origin) > FILE_BYTES_MAX:
        faults.add(name, 0, "file", f"is larger than {FILE_BYTES_MAX} bytes")
        return Source(name, b"")
    return Source(name, origin.removeprefix(_BOM))


def numbered_lines(source: Source, bytes_max: int, faults: Faults) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text without its line end) of each line that is UTF-8 and not too long or blank."""
    for line_no, line in enumerate(BytesIO(source.content), 1):
        if len(line) > bytes_max:
            faults.add(source.name, line_no, "line", f"is longer than {bytes_max} bytes")
            continue
        try:
            text = line.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            faults.add(source.name, line_no, "line", "is not UTF-8")
            continue
        if text and not text.isspace():
            yield line_no, text
