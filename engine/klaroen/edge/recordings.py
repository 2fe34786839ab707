"""Recordings over HTTP: laid whole into the spool, then made clips of by dispatch; 201 once those are durable.

Law: a file is written as it comes, so that it costs no memory and never the socket that alerts go through; who is cut
off leaves nothing behind. Nothing of it is read here but its hash.
"""

import asyncio
import hashlib
import os
import secrets
import time
from pathlib import Path
from typing import BinaryIO, Final

from klaroen.clips import remove_older
from klaroen.core.calls import PutRecording
from klaroen.core.errors import InputError, Problem
from klaroen.core.views import RecordingView
from klaroen.edge.desk import Desk, as_json
from klaroen.edge.exchange import Call, Reply

RECORDING_BYTES_MAX: Final = 60 * 1024 * 1024
"""Five minutes of 16-bit WAV in stereo at 48 kHz are 57.6 MB."""
WRITE_BYTES: Final = 256 * 1024
"""Gathered before a thread is asked to write them."""
ASK_S: Final = 60.0
"""For dispatch to make the clips: a file may wait for others."""
RETRY_AFTER_S: Final = 5.0
LEFT_S: Final = 600.0
"""A file comes in within two minutes, and its clips are made within one."""
MEDIA: Final = ("audio/wav", "audio/flac", "audio/mpeg", "audio/ogg", "application/octet-stream")
"""What is documented; what a file is, its octets tell."""


async def post_recording(desk: Desk, call: Call) -> Reply:
    """Keep a recording: 201 once its clips are durable."""
    if desk.draining:
        raise InputError("unavailable", "this edge is stopping")
    if desk.uploads.locked():
        raise InputError.of(Problem("unavailable", "too many recordings at once", retry_after_s=RETRY_AFTER_S))
    async with desk.uploads:
        name = secrets.token_hex(16)
        path = desk.spool / name
        try:
            sha256 = await spool(call, path)
            view = await desk.ask(call.token.name, PutRecording(name, sha256), RecordingView, ASK_S)
        finally:
            path.unlink(missing_ok=True)
    return Reply(201, as_json(view))


async def spool(call: Call, path: Path) -> str:
    """Write the body into a file of its own; return its SHA-256. Raises InputError (413), CallerGoneError."""
    digest, count = hashlib.sha256(), 0
    try:
        with await asyncio.to_thread(create, path) as file:
            gathered = bytearray()
            async for chunk in call.chunks(RECORDING_BYTES_MAX):
                gathered += chunk
                count += len(chunk)
                if len(gathered) >= WRITE_BYTES:
                    await asyncio.to_thread(write, file, digest, bytes(gathered))
                    gathered.clear()
            await asyncio.to_thread(write, file, digest, bytes(gathered))
    except OSError as error:
        words = "the recording cannot be kept now"
        raise InputError.of(Problem("unavailable", words, retry_after_s=RETRY_AFTER_S)) from error
    if not count:
        raise InputError("malformed", "the body is the recording, and there is none")
    return digest.hexdigest()


def create(path: Path) -> BinaryIO:
    """Make a file that nobody else may read, in a directory that is made if need be."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)


def write(file: BinaryIO, digest: "hashlib._Hash", octets: bytes) -> None:
    digest.update(octets)
    view = memoryview(octets)
    while view:
        view = view[file.write(view) :]


def clear_spool(directory: Path) -> None:
    """Remove what an earlier edge left half written; what is younger may be somebody's who is at work (R19)."""
    remove_older(directory, time.time() - LEFT_S)
