"""Whether what an engine said can be the text: looked at before anybody is rung.

Law: pure. It catches silence, noise cut short, speech that never ends and overdrive; what words were said it cannot
tell, which the intelligibility test does.
"""

from typing import Final

from klaroen_adapters.speech.frames import Said

FASTEST_PER_S: Final = 45.0
"""Letters and digits a second: twice what the fastest voice here does."""
SLOWEST_PER_S: Final = 4.0
"""A quarter of what the slowest voice does [16]."""
SIGN_S: Final = 2.0
"""What else is read may take a whole name: "smiling face with sunglasses"."""
AROUND_S: Final = 4.0
"""Pauses, and the silence around every clip."""
RMS_MIN: Final = 300.0
"""-41 dBFS; the quietest voice here reads at 2,700."""
CLIPPED_MAX: Final = 0.002
"""Share of the samples at full scale; Pico at full volume has 0.7 % and is heard to crackle."""


def fault(said: Said, text: str) -> str | None:
    """Return why this cannot be the text, or None."""
    read = sum(character.isalnum() for character in text)
    others = sum(not character.isalnum() and not character.isspace() for character in text)
    if said.rms < RMS_MIN:
        return "silence"
    if said.duration_s < read / FASTEST_PER_S:
        return "too short for the text"
    if said.duration_s > AROUND_S + read / SLOWEST_PER_S + others * SIGN_S:
        return "too long for the text"
    if said.clipped > CLIPPED_MAX:
        return "overdriven"
    return None
