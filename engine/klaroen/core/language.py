"""Which version of a text one member gets (R16).

Law: the network's languages decide, not the member, unless the register allows it; nobody is left out and nothing is
machine-translated. A version other than the one that is due is a fall-back, and is counted.
"""

from collections.abc import Sequence
from typing import Literal

from klaroen.core.model import Language

LanguageChoice = Literal["network", "member"]


def choose_language(
    networks_languages: Sequence[Sequence[Language]],
    content_languages: Sequence[Language],
    member_language: Language | None = None,
    choice: LanguageChoice = "network",
) -> tuple[Language, bool]:
    """Return the language to send in, and whether it is a fall-back.

    Shape: the languages of each targeted network in which the person is active, lowest network id first; that first
    network's regime decides *(reading)*, the others come before the first supplied. `content_languages` are those
    supplied, in the sender's order, at least one.
    """
    own = networks_languages[0]
    wanted = member_language if choice == "member" else None
    if wanted in content_languages and wanted is not None:
        return wanted, False
    if len(own) > 1 and "mul" in content_languages:
        return "mul", wanted is not None and wanted not in own
    for language in (language for languages in networks_languages for language in languages):
        if language in content_languages:
            return language, wanted is not None or language != own[0]
    return content_languages[0], True
