"""What passes between the speaker and its workers: frames of msgpack over pipes.

Law: pure. One question, one answer; a frame is bounded, and a worker that says more than it may is ended.
"""

from typing import Final, Literal

import msgspec
from msgspec import Struct

EngineName = Literal["piper", "pico", "mbrola", "espeak-pico", "espeak-ng"]
HEAD_BYTES: Final = 4
FRAME_BYTES_MAX: Final = 8 * 1024 * 1024
"""Sixteen minutes of A-law."""


class Say(Struct, frozen=True, tag=True, array_like=True):
    """Read this text with that voice. The worker ends itself after `patience_s`, should nobody be left to end it."""

    engine: EngineName
    voice: str
    text: str
    patience_s: float


class Said(Struct, frozen=True, tag=True, array_like=True):
    """A-law at 8 kHz, and what was measured of it before it was encoded."""

    octets: bytes
    duration_s: float
    rms: float
    clipped: float
    """Share of the samples at full scale."""


class Decode(Struct, frozen=True, tag=True, array_like=True):
    """Make clips of the recording that lies in this file."""

    path: str
    patience_s: float


class Decoded(Struct, frozen=True, tag=True, array_like=True):
    """A-law at 8 kHz: the recording as it is, and the same as loud as speech on a line is."""

    plain: bytes
    levelled: bytes
    duration_s: float
    rms: float


class Failed(Struct, frozen=True, tag=True, array_like=True):
    """What went wrong, in a worker's words: the kind of an error, or a fault of a recording; nothing of a text."""

    words: str


Question = Say | Decode
Answer = Said | Decoded | Failed

_encode = msgspec.msgpack.Encoder().encode
_questions: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)
_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def frame(message: Question | Answer) -> bytes:
    body = _encode(message)
    assert len(body) <= FRAME_BYTES_MAX, "what is longer was refused before"
    return len(body).to_bytes(HEAD_BYTES, "big") + body


def question(body: bytes) -> Question:
    return _questions.decode(body)


def answer(body: bytes) -> Answer:
    """Raises msgspec.DecodeError where a worker went astray."""
    return _answers.decode(body)
