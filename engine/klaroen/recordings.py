"""Recordings on disk: which clips each of them became, and whose it is.

Law: a recording that has an id is durable, with both of its clips: as it was given, for crisis (R10), and as loud as
speech on a line is, for all others. The same octets of the same token are the same recording, posted however often.
The file itself is not kept.
"""

import hashlib
import os
import tempfile
from base64 import b32encode
from pathlib import Path
from typing import Final

import msgspec

from klaroen.clips import ClipStore, remove_older, sync
from klaroen.core.model import RecordingId
from klaroen.core.recording import Recording

RECORDINGS: Final = "recordings"
SPOOL: Final = "spool"
ID: Final = r"^[A-Z2-7]{26}\Z"
ID_CHARACTERS: Final = 26
"""130 bits in base 32: nobody finds another's by trying."""
ENTRY_BYTES_MAX: Final = 4096


class Recordings:
    """`data_dir/recordings`: a small file each."""

    def __init__(self, data_dir: str | Path) -> None:
        self._directory = Path(data_dir, RECORDINGS)
        self.spool: Final = Path(data_dir, SPOOL)
        """Where files lie from the first octet until their clips are durable."""
        self.clips: Final = ClipStore(data_dir)

    def put(self, recording: Recording) -> None:
        """Keep it, durably; its clips are."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(prefix=".", dir=self._directory)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(recording))
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(self._directory / recording.id)
        sync(self._directory)

    def find(self, recording: RecordingId, token: str) -> Recording | None:
        """Return it, if it is there whole and this token's; the id is one that `make_id` could have made."""
        try:
            with (self._directory / recording).open("rb") as file:
                found = msgspec.json.decode(file.read(ENTRY_BYTES_MAX), type=Recording)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        whole = self.clips.path(found.plain).exists() and self.clips.path(found.levelled).exists()
        return found if whole and found.token == token else None

    def sweep(self, before_s: float) -> int:
        """Forget what was posted before then, and return how many; their clips go as `ClipStore.sweep` says.

        Units: seconds since the epoch.
        """
        return remove_older(self._directory, before_s)


def make_id(token: str, sha256: str) -> RecordingId:
    """Return the name of a file with this hash, as one token posted it."""
    return RecordingId(b32encode(hashlib.sha256(f"{sha256} {token}".encode()).digest())[:ID_CHARACTERS].decode())
