"""A process in which engines run: questions on stdin, answers on stdout, and nothing else can leave it.

Law: it may crash, hang or be killed at any time. It writes no file, dumps no core, prints nothing, holds a bounded
amount of memory, and ends itself where nobody is left to end it.
"""

import os
import resource
import signal
from typing import BinaryIO, Final

from klaroen.memory import dump_no_core
from klaroen_adapters.speech.engines import Engine, load
from klaroen_adapters.speech.frames import HEAD_BYTES, Decode, Decoded, Failed, Said, Say, frame, question
from klaroen_adapters.speech.sound import spoken

MEMORY_BYTES_MAX: Final = 3 << 30
"""Address space: onnxruntime takes two of it for a large Piper voice, Pico a tenth."""
FILE_BYTES_MAX: Final = 128 << 20
"""What the one engine that needs it may raise its limit to; all others write nothing."""


def main() -> None:
    asks, tells = confine()
    engines: dict[tuple[str, str], Engine] = {}
    while head := asks.read(HEAD_BYTES):
        asked = question(asks.read(int.from_bytes(head, "big")))
        signal.setitimer(signal.ITIMER_REAL, asked.patience_s)  # whoever asked is gone, or would have killed us
        tells.write(frame(decoded(asked) if isinstance(asked, Decode) else answer(asked, engines)))
        tells.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)


def confine() -> tuple[BinaryIO, BinaryIO]:
    """Give up what an engine needs not, and return the two pipes, of which no engine knows."""
    asks, tells = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    dump_no_core()
    limit(resource.RLIMIT_FSIZE, 0, FILE_BYTES_MAX)
    limit(resource.RLIMIT_AS, MEMORY_BYTES_MAX, MEMORY_BYTES_MAX)
    return asks, tells


def limit(kind: int, soft: int, hard: int) -> None:
    """Set a limit, and the one up to which it may be raised again: never above what the machine allows us."""
    _, allowed = resource.getrlimit(kind)
    if allowed != resource.RLIM_INFINITY:
        soft, hard = min(soft, allowed), min(hard, allowed)
    resource.setrlimit(kind, (soft, hard))


def answer(asked: Say, engines: dict[tuple[str, str], Engine]) -> Said | Failed:
    """Read the text aloud; whatever goes wrong is told by its kind alone, since its words may hold the text."""
    try:
        key = (asked.engine, asked.voice)
        if key not in engines:
            engines[key] = load(asked.engine, asked.voice)
        return spoken(*engines[key](asked.text))
    except Exception as error:  # an engine's fault is an answer here: the next voice is asked
        return Failed(type(error).__name__)


def decoded(asked: Decode) -> Decoded | Failed:
    """Make clips of a recording, with less memory than an engine may have."""
    from klaroen_adapters.speech.decode import MEMORY_BYTES_MAX as LESS
    from klaroen_adapters.speech.decode import decode

    limit(resource.RLIMIT_AS, LESS, MEMORY_BYTES_MAX)
    try:
        return decode(asked.path)
    except MemoryError:
        return Failed("garbage")
    finally:
        limit(resource.RLIMIT_AS, MEMORY_BYTES_MAX, MEMORY_BYTES_MAX)


if __name__ == "__main__":
    main()
