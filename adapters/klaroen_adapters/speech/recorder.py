"""Recordings made fit for the telephone, in a worker process.

Law: a file comes from outside: nothing of it is read in this process but its octets. It is removed whatever comes of
it; and what is said to be taken is durable.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import trio

from klaroen.core.errors import InputError, Problem, ProblemName
from klaroen.core.model import Instant, RecordingId
from klaroen.core.recording import Recording
from klaroen.recordings import Recordings, make_id
from klaroen_adapters.speech.frames import Decoded, Failed
from klaroen_adapters.speech.workers import Workers

DEADLINE_S: Final = 30.0
"""Five minutes in stereo at 192 kHz take four; ten times as long on a busy machine."""
AT_ONCE: Final = 1
"""Files that are read at once: calls and texts want the other core."""
WAITING_MAX: Final = 16
RETRY_AFTER_S: Final = 5.0

FAULTS: Final[Mapping[str, tuple[ProblemName, str]]] = {
    "no audio": ("unsupported-media-type", "A recording is a WAV, FLAC, MP3 or Ogg file; this is none of them."),
    "garbage": ("invalid", "The recording cannot be read to its end: the file is damaged or cut off."),
    "too long": ("too-large", "A recording lasts five minutes at most."),
    "too short": ("invalid", "A recording lasts half a second at least."),
    "silence": ("invalid", "Nothing can be heard in the recording."),
    "took too long": ("invalid", "The recording cannot be read in a reasonable time."),
    "crashed": ("invalid", "The recording cannot be read: the file is damaged."),
}


class Decoder(Protocol):
    """Whoever makes clips of a file."""

    async def decode(self, path: str, deadline_s: float) -> Decoded | Failed: ...

    def close(self) -> None: ...


class WorkerRecorder:
    """A `Recorder`."""

    def __init__(self, recordings: Recordings, decoder: Decoder | None = None) -> None:
        self._recordings = recordings
        self._decoder = decoder or Workers()
        self._turns = trio.CapacityLimiter(AT_ONCE)

    @property
    def waiting_count(self) -> int:
        return self._turns.statistics().tasks_waiting

    async def take(self, name: str, sha256: str, token: str, now: Instant) -> Recording:
        """Keep the file of this name in the spool as clips. Raises InputError, as `Recorder` says."""
        path = self._recordings.spool / name
        try:
            if self.waiting_count >= WAITING_MAX:
                words = "Too many recordings wait to be read."
                raise InputError.of(Problem("unavailable", words, retry_after_s=RETRY_AFTER_S))
            async with self._turns:
                known = await trio.to_thread.run_sync(self._recordings.find, make_id(token, sha256), token)
                decoded = None if known else await self._decoder.decode(str(path), DEADLINE_S)
            if isinstance(decoded, Failed):
                problem, words = FAULTS.get(decoded.words, FAULTS["garbage"])
                raise InputError(problem, words)
            return await trio.to_thread.run_sync(self._keep, known or decoded, sha256, token, now)
        except OSError as error:
            words = "The recording cannot be kept now."
            raise InputError.of(Problem("unavailable", words, retry_after_s=RETRY_AFTER_S)) from error
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(remove, path)

    def find(self, recording: RecordingId, token: str) -> Recording | None:
        return self._recordings.find(recording, token)

    def close(self) -> None:
        """End the workers, within trio's run."""
        self._decoder.close()

    def _keep(self, made: Recording | Decoded | None, sha256: str, token: str, now: Instant) -> Recording:
        """Write the clips, or let the time of those that are there start anew."""
        clips = self._recordings.clips
        if isinstance(made, Decoded):
            plain, levelled = clips.put(made.plain), clips.put(made.levelled)
            made = Recording(make_id(token, sha256), token, sha256, plain, levelled, made.duration_s, now)
        assert made is not None, "known, decoded or refused"
        for clip in (made.plain, made.levelled):
            clips.touch(clip)
        self._recordings.put(made)
        return made


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)
