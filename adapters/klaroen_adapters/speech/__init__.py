"""Texts read aloud, and recordings made fit for the telephone.

Law: an engine runs in a process of its own, with a deadline and limits; what it says is measured before anybody hears
it, and the next voice is asked where it fails. Nobody is missed for want of a good voice.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from klaroen.clips import ClipStore
    from klaroen.recordings import Recordings
    from klaroen.settings import Speech
    from klaroen_adapters.speech.cascade import CascadeSpeaker
    from klaroen_adapters.speech.recorder import WorkerRecorder

__all__ = ["build_recorder", "build_speaker"]


def build_speaker(settings: "Speech", clips: "ClipStore") -> "CascadeSpeaker":
    """Return the speaker of this installation; `close` it at the end. A worker process imports none of this."""
    from klaroen_adapters.speech.cascade import CascadeSpeaker
    from klaroen_adapters.speech.voices import find_voices

    return CascadeSpeaker(settings, find_voices(settings), clips)


def build_recorder(recordings: "Recordings") -> "WorkerRecorder":
    """Return who makes clips of recordings; `close` it at the end."""
    from klaroen_adapters.speech.recorder import WorkerRecorder

    return WorkerRecorder(recordings)
