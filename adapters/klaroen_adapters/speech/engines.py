"""The engines, as a worker process runs them: text in, samples out.

Law: text is text. No engine is given markup, and a text in which it would find some is not given to it (`voices`).
What an engine writes on its own is lost: the worker has closed its outlets.
"""

import ctypes
import resource
import subprocess
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from klaroen_adapters.speech.dutch import is_whole, spell
from klaroen_adapters.speech.frames import EngineName

Samples = tuple[bytes, int]
"""Native 16-bit mono, and its rate."""
Engine = Callable[[str], Samples]

PICO_RATE: Final = 16_000
PICO_VOLUME: Final = 0.5
"""At its full volume Pico clips [807 of 120,000 samples]; at this one it peaks at 21,800."""
AUDIO_OUTPUT_SYNCHRONOUS: Final = 2
"""espeak-ng, speak_lib.h: samples come by callback, in this thread."""
ESPEAK_CHARS_UTF8: Final = 1
"""The only flag given: neither espeakSSML (0x10) nor espeakPHONEMES (0x100)."""
PHONEMES_IPA: Final = 0x02
"""espeak-ng, speak_lib.h: bit 1 of the phoneme mode."""
WAV_HEAD_BYTES: Final = 44
"""What `espeak-ng --stdout` writes; its length fields are not true, since a pipe cannot be rewound."""


def load(engine: EngineName, voice: str) -> Engine:
    """Return the engine with its voice, which reads any number of texts."""
    return _LOADERS[engine](voice)


def _pico(voice: str) -> Engine:
    import py_nanotts

    pico = py_nanotts.NanoTTS()

    def say(text: str) -> Samples:
        return pico.speak(text, voice=voice, volume=PICO_VOLUME), PICO_RATE

    return say


def _piper(voice: str) -> Engine:
    import piper

    loaded: Any = piper.PiperVoice.load(voice)

    def say(text: str) -> Samples:
        chunks = list(loaded.synthesize(text))
        return b"".join(chunk.audio_int16_bytes for chunk in chunks), loaded.config.sample_rate

    return say


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """Start espeak-ng, once a process; return it with its rate."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    rate = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, data, 0)
    if rate <= 0:
        raise OSError("espeak-ng does not start")
    return library, rate


def _espeak(voice: str) -> Engine:
    library, rate = _library()
    samples = bytearray()

    def hear(wave: int | None, count: int, _events: int | None) -> int:
        if wave and count > 0:
            samples.extend(ctypes.string_at(wave, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(hear)

    def say(text: str) -> Samples:
        samples.clear()
        library.espeak_SetSynthCallback(callback)  # the library has one for all its voices
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise OSError("espeak-ng does not know the voice")
        octets = text.encode() + b"\0"
        size = ctypes.c_size_t(len(octets))
        if library.espeak_Synth(octets, size, 0, 0, 0, ESPEAK_CHARS_UTF8, None, None) != 0:
            raise OSError("espeak-ng refuses")
        return bytes(samples), rate

    return say


def _espeak_pico(voice: str) -> Engine:
    """Pico has no Dutch: espeak-ng says how it is pronounced, and Pico's German voice pronounces it."""
    library, _ = _library()
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    pronounced, read = voice.split()
    pico = _pico(read)

    def say(text: str) -> Samples:
        if library.espeak_SetVoiceByName(pronounced.encode()) != 0:
            raise OSError("espeak-ng does not know the voice")
        octets = ctypes.create_string_buffer(text.encode())
        left = ctypes.c_void_p(ctypes.addressof(octets))
        clauses = []
        while left.value:  # it returns clause by clause, and moves on
            heard = library.espeak_TextToPhonemes(ctypes.byref(left), ESPEAK_CHARS_UTF8, PHONEMES_IPA)
            clauses.append((heard or b"").decode())
        if not is_whole(text, clauses):
            raise ValueError("espeak-ng lost words")
        return b"".join(pico(sentence)[0] for sentence in spell(clauses)), PICO_RATE

    return say


def _mbrola(voice: str) -> Engine:
    """By the system's own espeak-ng, which knows mbrola's voices and starts it.

    Debian's makes ready for sound that it never plays: 64 MiB of memory that count as a file.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    def say(text: str) -> Samples:
        line = ["espeak-ng", "-v", voice, "-b", "1", "--stdin", "--stdout"]
        heard = subprocess.run(line, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
        return heard[WAV_HEAD_BYTES:], int.from_bytes(heard[24:28], "little")

    return say


_LOADERS: Final[dict[EngineName, Callable[[str], Engine]]] = {
    "piper": _piper,
    "pico": _pico,
    "mbrola": _mbrola,
    "espeak-pico": _espeak_pico,
    "espeak-ng": _espeak,
}
