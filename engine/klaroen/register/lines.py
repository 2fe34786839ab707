"""Bytes of a register file, bounded, become numbered lines of text.

Law: nothing is read beyond its limit, and nothing that is not UTF-8 goes further: such a line is a fault.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from klaroen.register.model import Faults

FILE_BYTES_MAX: Final = 256 * 1024 * 1024
"""A million members at 200 bytes, ten times the country; a larger file is a wrong file."""

_BOM: Final = b"\xef\xbb\xbf"


class Source:
    """One file to import: its name as faults will say it, and its bytes."""

    def __init__(self, origin: bytes | Path, name: str) -> None:
        self.name = origin.name if isinstance(origin, Path) else name
        self._origin = origin

    def read(self, faults: Faults) -> bytes:
        """Return the content without a byte order mark; empty, with a fault, if it is too large or cannot be read."""
        try:
            content = self._content()
        except OSError as error:
            faults.add(self.name, 0, "file", f"cannot be read: {error.strerror}")
            return b""
        if len(content) > FILE_BYTES_MAX:
            faults.add(self.name, 0, "file", f"is larger than {FILE_BYTES_MAX} bytes")
            return b""
        return content.removeprefix(_BOM)

    def _content(self) -> bytes:
        if isinstance(self._origin, bytes):
            return self._origin
        with self._origin.open("rb") as file:
            return file.read(FILE_BYTES_MAX + 1)


def numbered_lines(content: bytes, name: str, bytes_max: int, faults: Faults) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text without its line end) of each line that is UTF-8 and not too long or blank."""
    for line_no, line in enumerate(BytesIO(content), 1):
        if len(line) > bytes_max:
            faults.add(name, line_no, "line", f"is longer than {bytes_max} bytes")
            continue
        try:
            text = line.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            faults.add(name, line_no, "line", "is not UTF-8")
            continue
        if text and not text.isspace():
            yield line_no, text
