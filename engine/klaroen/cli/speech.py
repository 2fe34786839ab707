"""`klaroen speech`: what people hear of a text, before anybody is rung."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

from cyclopts import App, Parameter

from klaroen.cli.context import DONE, FAILED, CommandFault, Here
from klaroen.core.model import Language

SAMPLES: Final[Mapping[Language, str]] = {
    "nl": "Dringend bericht van de politie: verdachte witte bestelwagen in de Kerkstraat. Bel 101.",
    "fr": "Message urgent de la police : camionnette blanche suspecte dans la rue de l'Église. Appelez le 101.",
    "de": "Dringende Nachricht der Polizei: verdächtiger weißer Lieferwagen in der Kirchstraße. Rufen Sie 101 an.",
    "en": "Urgent message from the police: suspicious white van in Church Street. Call 101.",
}

speech = App(name="speech", help="Hear what telephones will hear.")


@speech.command
def say(
    text: str,
    *,
    language: Language = "nl",
    out: Path,
    verbatim: Annotated[bool, Parameter(negative="")] = False,
    context: Here,
) -> None:
    """Read a text aloud into a WAV file, as a call would play it.

    Parameters
    ----------
    text
        What is read.
    language
        Whose voices read it.
    out
        The file that is written: 16-bit WAV of what a telephone plays.
    verbatim
        As for a crisis message: to the letter, no number read in another way.
    """
    import trio

    from klaroen.clips import ClipStore
    from klaroen.core.errors import UnspeakableError
    from klaroen.core.ports import Clip
    from klaroen_adapters.speech import build_speaker
    from klaroen_adapters.voice.twilio_clip import wav

    with TemporaryDirectory(prefix="klaroen-speech-") as directory:
        clips = ClipStore(directory)
        speaker = build_speaker(context.settings().speech, clips)

        async def render() -> Clip:
            try:
                return await speaker.render(text, language, verbatim=verbatim)
            finally:
                speaker.close()

        try:
            clip = trio.run(render)
        except UnspeakableError as error:
            raise CommandFault(f"No voice can say this: {error}.") from None
        octets = clips.read(clip.id)
    try:
        out.write_bytes(wav(octets))
    except OSError as error:
        raise CommandFault(f"{out} cannot be written: {error.strerror}.") from None
    machine = {"engine": clip.engine, "duration_s": clip.duration_s, "sha256": clip.id, "out": str(out)}
    context.answer(machine, f"{out}: {clip.duration_s:.1f} s, read by {clip.engine}.")


@speech.command
def check(*, context: Here) -> int:
    """Let every voice of every language read a sentence, and tell which of them alerts are read by.

    Exit code 1 where a language has no voice that works, or what is configured is not installed.
    """
    import trio

    from klaroen_adapters.speech.trial import try_voices
    from klaroen_adapters.speech.voices import find_lacking, find_voices

    settings = context.settings().speech
    tried = trio.run(try_voices, settings, find_voices(settings), SAMPLES)
    first = {one.language: one.engine for one in reversed(tried) if one.fault is None}
    machine = {
        "engines": first,
        "voices": [
            {"language": one.language, "engine": one.engine, "seconds": one.seconds, "fault": one.fault}
            for one in tried
        ],
    }
    rows = []
    for one in tried:
        place = "reads" if first.get(one.language) == one.engine else "in reserve"
        rows.append((one.language, one.engine, f"{one.seconds:.2f} s", one.fault or place))
    context.table(machine, ("language", "voice", "took", ""), rows)
    if first.get("nl") in WEAK:
        context.say(DUTCH)
    lacking = find_lacking(settings)
    if lacking is not None:
        context.say(f"{lacking}.")
    return DONE if set(SAMPLES) <= set(first) and lacking is None else FAILED


WEAK: Final = ("espeak-pico", "espeak-ng")
DUTCH: Final = (
    "Dutch is read by a voice that is hard to understand. Configure a Piper voice (speech.piper.nl), or install "
    "Debian's espeak-ng, mbrola and mbrola-nl2."
)
