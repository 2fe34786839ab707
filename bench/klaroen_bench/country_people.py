"""Names and numbers for people who do not exist.

Law: a number follows from an index, no two indexes share one, and every one is a Belgian number that could exist.
"""

import random
from typing import Final


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.replace("&", " ") for name in text.split())


_FIRST_NAMES: Final = _names(
    """Jan Marie Luc Annelies Pieter Sofie Koen Ilse Dirk Els Tom Katrien Wouter Lien Bart Greet Jean Nathalie Philippe
    Isabelle Michel Céline Olivier Valérie Benoît Amélie François Hélène Karl Monika Jürgen Ingrid Mohamed Fatima Ayşe
    Zoë Noël Chloé Renée André Inès Rachid Elif Tomasz Agnieszka"""
)
_SURNAMES: Final = _names(
    """Peeters Janssens Maes Jacobs Mertens Willems Claes Goossens Wouters De&Smet Dubois Lambert Dupont Martin Simon
    Laurent Leroy Renard Gérard Lefèvre Müller Schmitz Hermans Vermeulen Van&den&Broeck D'Hondt Segers Coppens Lemmens
    Michiels Aerts Pauwels De&Backer Verhoeven Van&Damme Baeten Yılmaz El&Amrani Nowak Charlier Denis Fontaine Noël"""
)

_MOBILE_PREFIXES: Final = (
    *("470", "471", "472", "473", "474", "475", "476", "477", "478", "479", "484", "485", "486", "487", "488", "489"),
    *("490", "491", "492", "493", "494", "495", "496", "497", "498", "499", "456", "465", "466", "467", "468"),
)
_LANDLINE_PREFIXES: Final = {
    "Antwerpen": "32",
    "Vlaams-Brabant": "16",
    "Oost-Vlaanderen": "92",
    "West-Vlaanderen": "50",
    "Limburg": "11",
    "Brabant wallon": "10",
    "Hainaut": "65",
    "Liège": "42",
    "Luxembourg": "63",
    "Namur": "81",
    "Brussel": "25",
}
_SUBSCRIBERS: Final = 1_000_000
_STRIDE: Final = 618_033
"""Coprime to the numbers of both kinds, near their golden section: neighbours in the index are far apart in numbers."""


def full_name(rng: random.Random) -> str:
    return f"{rng.choice(_FIRST_NAMES)} {rng.choice(_SURNAMES)}"


def mobile(index: int) -> str:
    """Return the mobile number of an index: 31 million of them before one comes back."""
    block, rest = divmod(index, _SUBSCRIBERS)
    prefix = _MOBILE_PREFIXES[(index + block) % len(_MOBILE_PREFIXES)]
    return f"+32{prefix}{rest * _STRIDE % _SUBSCRIBERS:06}"


def landline(province: str, index: int) -> str:
    """Return a fixed number in the province: a million indexes of each before one comes back."""
    return f"+32{_LANDLINE_PREFIXES[province]}{index * _STRIDE % _SUBSCRIBERS:06}"
